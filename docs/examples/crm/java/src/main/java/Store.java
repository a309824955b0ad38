import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/** Events on disk, each once: a journal of one JSON object a line. A database does as well. */
final class Store {
    private static final Gson JSON = new GsonBuilder().serializeNulls().create();
    private final Path path;
    private FileChannel file;
    final Map<String, JsonObject> events = new LinkedHashMap<>();
    private final Set<String> erased = new HashSet<>();
    long duplicates;

    Store(Path path) throws IOException {
        this.path = path;
        int whole = 0;
        if (Files.exists(path)) {
            String text = Files.readString(path);
            // A last line that a crash cut off was never acknowledged: it will come again.
            text = text.substring(0, text.lastIndexOf('\n') + 1);
            whole = text.getBytes(StandardCharsets.UTF_8).length;
            text.lines().filter(line -> !line.isEmpty()).forEach(line -> remember(JsonParser.parseString(line).getAsJsonObject()));
        }
        file = FileChannel.open(path, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        file.truncate(whole).position(whole);
    }

    /** Keeps an event; when this returns it is on the disk. */
    synchronized void take(JsonObject event) throws IOException {
        if (events.containsKey(event.get("id").getAsString())) {
            duplicates++;
            return;
        }
        if (isErased(Table.data(event).get("visit_id"))) return;
        write(file, event);
        file.force(false);
        remember(event);
        if (event.get("type").getAsString().equals("mall.privacy.erased")) rewrite();
    }

    private void remember(JsonObject event) {
        events.put(event.get("id").getAsString(), event);
        if (event.get("type").getAsString().equals("mall.privacy.erased")) erase(Table.data(event));
    }

    /** Somebody's data have to go: all of their visits, and their token wherever it stands. */
    private void erase(JsonObject what) {
        for (JsonElement visit : what.getAsJsonArray("visits")) erased.add(visit.getAsString());
        JsonElement member = what.get("member");
        events.values().removeIf(e -> {
            JsonObject data = Table.data(e);
            boolean theirs = member != null && !member.isJsonNull() && member.equals(data.get("member"));
            if (isErased(data.get("visit_id"))) return true;
            if (theirs && e.get("type").getAsString().equals("mall.visit.linked")) return true;
            if (theirs) data.add("member", JsonNull.INSTANCE);
            JsonObject attribution = data.has("attribution") ? data.getAsJsonObject("attribution") : null;
            if (attribution != null && isErased(attribution.get("visit_id"))) attribution.add("visit_id", JsonNull.INSTANCE);
            return false;
        });
    }

    private boolean isErased(JsonElement visit) {
        return visit != null && !visit.isJsonNull() && erased.contains(visit.getAsString());
    }

    /** What was erased must not stay in the file. */
    private void rewrite() throws IOException {
        Path next = path.resolveSibling(path.getFileName() + ".new");
        FileChannel fresh = FileChannel.open(next, StandardOpenOption.CREATE, StandardOpenOption.TRUNCATE_EXISTING,
                StandardOpenOption.WRITE);
        for (JsonObject event : events.values()) write(fresh, event);
        fresh.force(true);
        file.close();
        Files.move(next, path, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        file = fresh;
    }

    private static void write(FileChannel file, JsonObject event) throws IOException {
        ByteBuffer line = ByteBuffer.wrap((JSON.toJson(event) + "\n").getBytes(StandardCharsets.UTF_8));
        while (line.hasRemaining()) file.write(line);
    }

    static String json(JsonObject object) {
        return JSON.toJson(object);
    }
}
