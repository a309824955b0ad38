use super::*;

const TODAY: i32 = 20_413;

fn open(path: &Path, day: i32) -> KeyFile {
    KeyFile::open(path, day).unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn a_first_key_is_drawn_kept_private_and_found_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("privacy.key");
    let first = open(&path, TODAY);
    assert!(first.saved);
    assert_eq!(mode(&path), 0o600);
    let again = open(&path, TODAY);
    assert_eq!(first.state.text(), again.state.text());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    let other = open(&dir.path().join("other.key"), TODAY);
    assert_ne!(first.state.pseudonyms, other.state.pseudonyms);
}

#[test]
fn a_new_day_replaces_the_key_on_disk_and_keeps_that_of_members() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("privacy.key");
    let mut keys = open(&path, TODAY);
    let old = fs::read_to_string(&path).unwrap();
    let (yesterday, members) = (keys.state.pseudonyms.clone(), keys.state.members.clone());
    keys.advance(TODAY + 1);
    assert!(keys.saved);
    assert_ne!(keys.state.pseudonyms, yesterday);
    assert_eq!(keys.state.members, members);
    let new = fs::read_to_string(&path).unwrap();
    let old_key = old.lines().nth(2).unwrap().strip_prefix("pseudonyms ").unwrap();
    assert!(!new.contains(old_key), "yesterday's key is still on disk");
    assert_eq!(mode(&path), 0o600);
}

#[test]
fn gateways_with_one_seed_stay_in_step_whatever_day_they_get_it() {
    let dir = tempfile::tempdir().unwrap();
    let (a, b) = (dir.path().join("a"), dir.path().join("b"));
    let seed = "8f".repeat(32);
    write(&a, &format!("{seed}\n"));
    write(&b, &seed);
    let mut early = open(&a, TODAY - 3);
    let late = open(&b, TODAY);
    for day in [TODAY - 2, TODAY] {
        early.advance(day);
    }
    assert_eq!(early.state.text(), late.state.text());
    assert!(!fs::read_to_string(&a).unwrap().contains(&seed), "the seed is still on disk");
}

#[test]
fn a_power_cut_between_writing_and_renaming_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("privacy.key");
    let today = open(&path, TODAY).state.text();
    for leftover in ["", "edge-agent privacy key v1\nday 204", &"x".repeat(10_000)] {
        fs::write(dir.path().join("privacy.key.new"), leftover).unwrap();
        assert_eq!(open(&path, TODAY).state.text(), today);
        let mut next = open(&path, TODAY);
        next.advance(TODAY + 1);
        assert!(next.saved);
        assert_eq!(mode(&path), 0o600);
        write(&path, &today);
    }
}

#[test]
fn a_damaged_file_is_an_error_and_never_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("privacy.key");
    let whole = open(&path, TODAY).state.text();
    for cut in 0..whole.len() {
        write(&path, &whole[..cut]);
        assert!(matches!(KeyFile::open(&path, TODAY), Err(PrivacyError::Damaged { .. })), "cut to {cut}");
        assert_eq!(fs::read_to_string(&path).unwrap(), whole[..cut]);
    }
    for flip in 0..whole.len() {
        let mut bytes = whole.as_bytes().to_vec();
        bytes[flip] ^= 1;
        write(&path, std::str::from_utf8(&bytes).unwrap());
        assert!(matches!(KeyFile::open(&path, TODAY), Err(PrivacyError::Damaged { .. })), "flipped {flip}");
    }
    write(&path, &format!("{}more", *whole));
    assert!(matches!(KeyFile::open(&path, TODAY), Err(PrivacyError::Damaged { .. })));
}

#[test]
fn a_key_others_can_read_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("privacy.key");
    drop(open(&path, TODAY));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let Err(error) = KeyFile::open(&path, TODAY) else { panic!("must be refused") };
    assert!(error.to_string().contains("chmod 600"), "{error}");
}

#[test]
fn a_clock_gone_wild_does_not_destroy_the_key() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("privacy.key");
    assert!(matches!(KeyFile::open(&path, 3), Err(PrivacyError::Clock { .. })));
    assert!(!path.exists());
    let today = open(&path, TODAY).state.text();
    assert!(matches!(KeyFile::open(&path, TODAY + 7000), Err(PrivacyError::Leap { days: 7000, .. })));
    assert_eq!(fs::read_to_string(&path).unwrap(), *today);
    // A clock that is behind keeps the newer key.
    assert_eq!(open(&path, TODAY - 1).state.text(), today);
    assert_eq!(open(&path, 0).state.text(), today);
}

#[test]
fn a_key_that_cannot_be_written_is_used_and_written_later() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("privacy.key");
    let mut keys = open(&path, TODAY);
    let obstacle = dir.path().join("privacy.key.new");
    fs::create_dir(&obstacle).unwrap();
    keys.advance(TODAY + 1);
    assert!(!keys.saved && keys.state.day == TODAY + 1);
    assert!(keys.save().is_err());
    // A restart now derives the same key.
    assert_eq!(open(&path, TODAY + 1).state.text(), keys.state.text());
    fs::remove_dir(&obstacle).unwrap();
    keys.save().unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), *keys.state.text());
}

/// A key file as the first version wrote it.
fn first_version(day: i32, pseudonyms: u8, members: u8) -> String {
    let hex = |byte: u8| format!("{byte:02x}").repeat(32);
    let text = format!("{FIRST_MAGIC}day {day}\npseudonyms {}\nmembers {}\n", hex(pseudonyms), hex(members));
    let check = check(&text);
    text + &check
}

#[test]
fn a_file_of_the_first_version_is_taken_over_with_its_keys() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("privacy.key");
    let old = first_version(TODAY, 0xa1, 0xb2);
    write(&path, &old);
    assert_eq!(inspect(&path).unwrap(), Some(TODAY));
    let keys = open(&path, TODAY);
    assert_eq!((*keys.state.pseudonyms, *keys.state.members), ([0xa1; 32], [0xb2; 32]));
    assert_ne!(*keys.state.addresses, [0; 32], "drawn");
    assert!(fs::read_to_string(&path).unwrap().starts_with(MAGIC));
    assert_eq!(open(&path, TODAY).state.text(), keys.state.text());
    for flip in 0..old.len() {
        let mut bytes = old.as_bytes().to_vec();
        bytes[flip] ^= 1;
        write(&path, std::str::from_utf8(&bytes).unwrap());
        assert!(matches!(KeyFile::open(&path, TODAY), Err(PrivacyError::Damaged { .. })), "flipped {flip}");
    }
}

#[test]
fn yesterdays_file_is_written_over_where_it_lay() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("privacy.key");
    let mut keys = open(&path, TODAY);
    let length = fs::metadata(&path).unwrap().len();
    // A second name for the old file: what is under it is what whoever reads the disk would find.
    let old = dir.path().join("old");
    fs::hard_link(&path, &old).unwrap();
    keys.advance(TODAY + 1);
    assert_eq!(fs::read(&old).unwrap(), vec![0; length as usize]);
    assert_eq!(fs::read_to_string(&path).unwrap(), *keys.state.text());
    // So is what a power cut left of the next one.
    let left_over = dir.path().join("privacy.key.new");
    write(&left_over, "pseudonyms 0123");
    fs::hard_link(&left_over, dir.path().join("old new")).unwrap();
    keys.advance(TODAY + 2);
    assert_eq!(fs::read(dir.path().join("old new")).unwrap(), [0; 15]);
}

/// Where in this process's memory a byte string is. `pattern` is given byte by byte, turned over, so that the search
/// does not find its own.
fn in_memory(turned: &[u8; 32]) -> usize {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let mem = File::open("/proc/self/mem").unwrap();
    let mut found = 0;
    let mut chunk = vec![0; 1 << 20];
    for line in maps.lines().filter(|l| l.split(' ').nth(1).is_some_and(|flags| flags.starts_with("rw"))) {
        let (from, to) = line.split_once(' ').unwrap().0.split_once('-').unwrap();
        let [mut at, to] = [from, to].map(|hex| u64::from_str_radix(hex, 16).unwrap());
        while at + 32 <= to {
            let want = chunk.len().min((to - at) as usize);
            // The chunk itself is memory too: what an earlier read left in it would be found again.
            chunk.iter_mut().for_each(|b| *b = 0);
            let Ok(got) = mem.read_at(&mut chunk[..want], at) else { break };
            let own = chunk.as_ptr() as u64;
            for (i, window) in chunk[..got].windows(32).enumerate() {
                let address = at + i as u64;
                let mine = (own..own + (1 << 20)).contains(&address);
                found += usize::from(!mine && window.iter().zip(turned).all(|(a, b)| *a == !*b));
            }
            if got < 32 {
                break;
            }
            at += (got - 31) as u64;
        }
    }
    found
}

#[test]
fn yesterdays_key_is_nowhere_in_memory() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("privacy.key");
    let mut keys = open(&path, TODAY);
    let mut turned = [0; 32];
    for (t, k) in turned.iter_mut().zip(keys.state.pseudonyms.iter()) {
        *t = !*k;
    }
    assert!(in_memory(&turned) > 0, "the search finds the key while it is in use");
    keys.advance(TODAY + 1);
    // What the stack held is overwritten by whatever runs next; so does the daemon.
    let _ = keys.state.text();
    assert_eq!(in_memory(&turned), 0, "yesterday's key is still in memory");
}
