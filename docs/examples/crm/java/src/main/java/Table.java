import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/** What events say, all together: a row for each visit, and totals. It does not matter in which order they came. */
final class Table {
    final TreeMap<String, JsonObject> rows = new TreeMap<>();
    final JsonObject totals = new JsonObject();

    /** Of events, each id once. */
    Table(Collection<JsonObject> events) {
        // A revision of a receipt replaces the one before it.
        Set<String> replaced = new HashSet<>();
        for (JsonObject e : events) if (is(e, "receipt.recorded")) addIfThere(replaced, e, "replaces");
        List<JsonObject> receipts = new ArrayList<>();
        for (JsonObject e : events) if (is(e, "receipt.recorded") && !replaced.contains(id(e))) receipts.add(e);

        // Withdrawn: exits by `visit.resumed`, arrivals by an exit of staff, bags by a refund that stands.
        Set<String> retracted = new HashSet<>();
        for (JsonObject e : receipts) addIfThere(retracted, e, "retracts");
        for (JsonObject e : events) if (isVisit(e)) addIfThere(retracted, e, "retracts");

        // Visits that turned out to be one.
        Map<String, String> into = new HashMap<>();
        for (JsonObject e : events) {
            if (!is(e, "visit.merged")) continue;
            String survivor = data(e).get("into").getAsString();
            for (JsonElement v : data(e).getAsJsonArray("merged")) {
                if (!v.getAsString().equals(survivor)) into.put(v.getAsString(), survivor);
            }
        }

        Map<String, List<JsonObject>> visits = new HashMap<>();
        for (JsonObject e : events) {
            if (isVisit(e)) visits.computeIfAbsent(data(e).get("visit_id").getAsString(), v -> new ArrayList<>()).add(e);
        }
        visits.forEach((visit, of) -> {
            String owner = survivor(into, visit);
            JsonObject row = rows.computeIfAbsent(owner, Table::empty);
            add(row, "parts", 1);
            of.sort(Comparator.comparingInt(e -> data(e).get("seq").getAsInt()));
            for (JsonObject e : of) apply(row, e, visit.equals(owner), retracted.contains(id(e)));
        });
        total(events, receipts);
    }

    private void total(Collection<JsonObject> events, List<JsonObject> receipts) {
        long net = 0, sales = 0;
        for (JsonObject e : receipts) {
            boolean sale = data(e).get("type").getAsString().equals("sale");
            long amount = data(e).get("amount_minor").isJsonNull() ? 0 : data(e).get("amount_minor").getAsLong();
            net += sale ? amount : -amount;
            sales += sale ? 1 : 0;
        }
        Map<String, JsonObject> flow = new HashMap<>();
        for (JsonObject e : events) {
            if (!is(e, "flow.interval")) continue;
            JsonObject d = data(e);
            String key = String.join("\n", text(d, "scope"), text(d, "id"), text(d, "period"), text(d, "from"));
            JsonObject known = flow.get(key);
            if (known == null || known.get("revision").getAsInt() < d.get("revision").getAsInt()) flow.put(key, d);
        }
        long cameIn = 0;
        for (JsonObject d : flow.values()) cameIn += d.get("footfall").isJsonNull() ? 0 : d.get("footfall").getAsLong();
        totals.addProperty("events", events.size());
        totals.addProperty("visits", rows.size());
        totals.addProperty("receipts", receipts.size());
        totals.addProperty("sales", sales);
        totals.addProperty("net_minor", net);
        totals.addProperty("flow", flow.size());
        totals.addProperty("came_in", cameIn);
    }

    private static JsonObject empty(String visit) {
        JsonObject row = new JsonObject();
        row.addProperty("visit", visit);
        row.addProperty("state", "approached");
        for (String key : List.of("arrived_at", "left_at")) row.add(key, JsonNull.INSTANCE);
        for (String key : List.of("climbs", "dwells", "dwell_ms", "bags", "bag_minor", "parts")) row.addProperty(key, 0);
        row.add("members", new JsonArray());
        return row;
    }

    /** What one event, in the order of `seq`, changes of its visit. */
    private static void apply(JsonObject row, JsonObject event, boolean isOwner, boolean isRetracted) {
        JsonObject data = data(event);
        String kind = event.get("type").getAsString().substring("mall.visit.".length());
        String state = text(row, "state");
        String time = text(event, "time");
        if (kind.equals("exited") && text(data, "reason").equals("not_a_visitor")) {
            row.addProperty("state", "withdrawn");
            return;
        }
        if (isRetracted) return; // as if it had never been said
        switch (kind) {
            case "passed_by" -> {
                if (state.equals("approached")) row.addProperty("state", "passed_by");
            }
            case "arrived" -> {
                if (state.equals("approached") || state.equals("passed_by")) row.addProperty("state", "inside");
                JsonElement before = row.get("arrived_at");
                if (before.isJsonNull() || time.compareTo(before.getAsString()) < 0) row.addProperty("arrived_at", time);
            }
            case "exited" -> {
                if (isOwner) {
                    if (!state.equals("withdrawn")) row.addProperty("state", "left");
                    row.addProperty("left_at", time);
                }
            }
            case "floor_changed" -> add(row, "climbs", 1);
            case "dwell_ended" -> {
                add(row, "dwells", 1);
                add(row, "dwell_ms", Math.round(data.get("duration_s").getAsDouble() * 1000));
            }
            case "bag_carried" -> {
                JsonElement amount = data.getAsJsonObject("receipt").get("amount_minor");
                add(row, "bags", 1);
                add(row, "bag_minor", amount.isJsonNull() ? 0 : amount.getAsLong());
            }
            case "linked" -> {
                // A visit can be that of a party: each member of it is told by an event of their own.
                JsonArray members = row.getAsJsonArray("members");
                if (!members.contains(data.get("member"))) members.add(data.get("member"));
            }
            default -> { }
        }
    }

    private static String survivor(Map<String, String> into, String visit) {
        Set<String> seen = new HashSet<>();
        while (into.containsKey(visit) && seen.add(visit)) visit = into.get(visit);
        return visit;
    }

    private static void add(JsonObject row, String key, long n) {
        row.addProperty(key, row.get(key).getAsLong() + n);
    }

    private static void addIfThere(Set<String> ids, JsonObject event, String key) {
        JsonElement value = data(event).get(key);
        if (value != null && !value.isJsonNull()) ids.add(value.getAsString());
    }

    private static boolean is(JsonObject event, String kind) {
        return event.get("type").getAsString().equals("mall." + kind);
    }

    private static boolean isVisit(JsonObject event) {
        return event.get("type").getAsString().startsWith("mall.visit.");
    }

    private static String id(JsonObject event) {
        return text(event, "id");
    }

    private static String text(JsonObject of, String key) {
        return of.get(key).getAsString();
    }

    static JsonObject data(JsonObject event) {
        return event.getAsJsonObject("data");
    }
}
