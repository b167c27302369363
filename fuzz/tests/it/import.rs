use clipset::import::database;
use clipset_fuzz::{cases, mutated};
use proptest::prelude::*;

/// A small database of the predecessor's kind, as bytes.
fn seed() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clipset.db");
    let database = rusqlite::Connection::open(&path).unwrap();
    let statements = "
        CREATE TABLE users (id INTEGER PRIMARY KEY, username TEXT, role TEXT, email TEXT);
        CREATE TABLE videos (id TEXT PRIMARY KEY, short_id TEXT, title TEXT, description TEXT, user_id INTEGER,
            file_path TEXT, original_filename TEXT, created_at TEXT, status TEXT, duration REAL, width INTEGER,
            height INTEGER, file_size INTEGER, visibility TEXT);
        CREATE TABLE settings (key TEXT, value TEXT);
        INSERT INTO users VALUES (1, 'ada', 'admin', 'a@example');
        INSERT INTO settings VALUES ('video_output_format', 'hls');
        INSERT INTO videos VALUES ('v1', 'abcdefghij', 'Lake', '', 1, 'videos/v1.mp4', 'lake.mp4',
            '2024-05-01T12:00:00', 'completed', 12.5, 1280, 720, 1000, 'public');
        INSERT INTO videos VALUES ('v2', NULL, NULL, NULL, 99, '../../etc/passwd', NULL, 'yesterday', '', -1, -1, 0, NULL, NULL);";
    database.execute_batch(statements).unwrap();
    drop(database);
    std::fs::read(path).unwrap()
}

proptest! {
    #![proptest_config(cases(20))]

    #[test]
    fn a_database_of_any_bytes_is_read_or_refused(bytes in mutated(vec![seed()])) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("clipset.db");
        std::fs::write(&path, bytes).unwrap();
        let _ = database::read(&path);
    }
}
