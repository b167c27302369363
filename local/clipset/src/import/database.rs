//! The predecessor's database, read as it is found: tables and columns are looked for by the names that they may have.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context as _, Result, bail};
use clipset_core::Timestamp;
use jiff::{civil::DateTime, tz::TimeZone};
use rusqlite::{Connection, OpenFlags, types::Value};

/// Everything that is read.
#[derive(Debug, Default)]
pub struct Library {
    /// In the order of the table.
    pub videos: Vec<Row>,
    /// By their id there.
    pub people: BTreeMap<String, Person>,
    /// `video_output_format` of its settings, in lower case.
    pub output_format: Option<String>,
    /// What the schema does not have, and what that means: sentences.
    pub missing: Vec<String>,
}

/// A member there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// As they signed in.
    pub name: String,
    /// An administrator.
    pub admin: bool,
}

/// A video there.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Row {
    /// Primary key, as text.
    pub id: String,
    /// The end of its watch address; its id, if it has none.
    pub short_id: String,
    /// May be empty.
    pub title: String,
    /// May be empty.
    pub description: String,
    /// A key of [`Library::people`], or a name.
    pub owner: Option<String>,
    /// What its files may be called: paths and names, newest first.
    pub files: Vec<String>,
    /// The picture that stands for it.
    pub picture: Option<String>,
    /// The name that the upload had.
    pub file_name: Option<String>,
    /// When it was made.
    pub created_at: Option<Timestamp>,
    /// It was ready to be watched.
    pub completed: bool,
    /// Not for everyone.
    pub private: bool,
    /// Seconds.
    pub duration: Option<f64>,
    /// Pixels.
    pub width: Option<u32>,
    /// Pixels.
    pub height: Option<u32>,
}

/// Reads the database at `path`, which nothing is written to.
///
/// # Errors
/// A sentence: it cannot be read, or is no such database.
pub fn read(path: &Path) -> Result<Library> {
    let copy = tempfile::tempdir().context("there is no place for temporary files")?;
    let database = open(path, copy.path()).with_context(|| format!("{} cannot be opened", path.display()))?;
    let mut library = Library::default();
    read_people(&database, &mut library)?;
    read_videos(&database, &mut library)?;
    library.output_format = output_format(&database)?;
    Ok(library)
}

/// Opens it read-only. Changes that SQLite has not yet moved from its log into the file count too: then a copy of both
/// is opened, for a log cannot be read without writing beside it.
fn open(path: &Path, copy: &Path) -> Result<Connection> {
    if !path.is_file() {
        bail!("there is no such file");
    }
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    if fs::metadata(&log).is_ok_and(|log| log.len() > 0) {
        let database = copy.join("clipset.db");
        fs::copy(path, &database)?;
        fs::copy(&log, copy.join("clipset.db-wal"))?;
        return Ok(Connection::open(database)?);
    }
    let path = fs::canonicalize(path)?;
    let mut address = String::from("file:");
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => address.push(char::from(*byte)),
            other => address.push_str(&format!("%{other:02X}")),
        }
    }
    address.push_str("?mode=ro&immutable=1");
    Ok(Connection::open_with_flags(address, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI)?)
}

fn read_people(database: &Connection, library: &mut Library) -> Result<()> {
    let Some(table) = Table::find(database, &["users", "user"])? else {
        library.missing.push("there is no table of users: give every clip an owner with --owner".to_owned());
        return Ok(());
    };
    for row in table.rows(database)? {
        let id = row.text(&["id", "uuid"]);
        let name = row.text(&["username", "name", "login", "email"]);
        let Some((id, name)) = id.zip(name) else { continue };
        let admin = row.text(&["role"]).is_some_and(|role| role.eq_ignore_ascii_case("admin"))
            || row.truth(&["is_admin", "is_superuser"]) == Some(true);
        library.people.insert(id, Person { name, admin });
    }
    Ok(())
}

fn read_videos(database: &Connection, library: &mut Library) -> Result<()> {
    const SHORT_ID: &[&str] = &["short_id", "shortid", "slug"];
    const OWNER: &[&str] =
        &["user_id", "uploaded_by", "uploaded_by_id", "uploader_id", "owner_id", "owner", "uploader"];
    const FILES: &[&str] =
        &["hls_path", "file_path", "path", "filename", "video_path", "storage_path", "original_path"];
    const CREATED: &[&str] = &["created_at", "uploaded_at", "upload_date", "created"];
    let Some(table) = Table::find(database, &["videos", "video"])? else {
        bail!("it has no table of videos: is it a Clipset database?");
    };
    for (columns, consequence) in [
        (&["id", "uuid"][..], "clips are told apart by their short ids"),
        (SHORT_ID, "the clips' ids are made from their primary keys, and old links do not lead to them"),
        (&["title", "name"], "the clips are called as their files were"),
        (OWNER, "every clip belongs to the --owner"),
        (FILES, "files are looked for under the clips' ids"),
        (CREATED, "the files' own dates count"),
    ] {
        if !columns.iter().any(|column| table.has(column)) {
            library.missing.push(format!(
                "{} has none of the columns {}: {consequence}",
                table.name,
                columns.join(", ")
            ));
        }
    }
    for row in table.rows(database)? {
        let id = row.text(&["id", "uuid"]);
        let Some(short_id) = row.text(SHORT_ID).or_else(|| id.clone()) else { continue };
        let mut files: Vec<_> = FILES.iter().filter_map(|column| row.text(&[column])).collect();
        files.extend(id.clone().into_iter().chain(row.text(&["uuid"])));
        let status = row.text(&["processing_status", "status"]);
        library.videos.push(Row {
            id: id.unwrap_or_else(|| short_id.clone()),
            short_id,
            title: row.text(&["title", "name"]).unwrap_or_default(),
            description: row.text(&["description"]).unwrap_or_default(),
            owner: row.text(OWNER),
            files,
            picture: row.text(&["thumbnail_filename", "thumbnail_path", "thumbnail", "poster"]),
            file_name: row.text(&["original_filename", "original_name"]),
            created_at: row.time(CREATED),
            completed: status
                .is_none_or(|status| matches!(status.to_ascii_uppercase().as_str(), "COMPLETED" | "READY" | "DONE")),
            private: row.truth(&["is_private", "private"]) == Some(true)
                || row.truth(&["is_public", "public"]) == Some(false)
                || row.text(&["visibility"]).is_some_and(|seen| seen.eq_ignore_ascii_case("private")),
            duration: row.number(&["duration", "duration_seconds", "length"]),
            width: row.pixels(&["width"]),
            height: row.pixels(&["height"]),
        });
    }
    Ok(())
}

/// One column of a row of settings, or one row of keys and values.
fn output_format(database: &Connection) -> Result<Option<String>> {
    const NAME: &str = "video_output_format";
    let Some(table) = Table::find(database, &["config", "settings", "app_config"])? else { return Ok(None) };
    for row in table.rows(database)? {
        let named = row.text(&["key", "name"]).is_some_and(|key| key == NAME);
        if let Some(found) = row.text(&[NAME]).or_else(|| row.text(&["value"]).filter(|_| named)) {
            return Ok(Some(found.trim_matches('"').to_ascii_lowercase()));
        }
    }
    Ok(None)
}

struct Table {
    name: &'static str,
    columns: Vec<String>,
}

/// One row by its columns' names.
struct Cells<'a> {
    columns: &'a [String],
    values: Vec<Value>,
}

impl Table {
    /// The first of `names` that there is.
    fn find(database: &Connection, names: &[&'static str]) -> Result<Option<Self>> {
        for name in names {
            // The names are ours: nothing of the database's gets into a statement.
            let statement = database.prepare(&format!("SELECT * FROM \"{name}\" LIMIT 0"));
            match statement {
                Ok(_) => return Ok(Some(Self { name, columns: columns(database, name)? })),
                Err(error) if error.to_string().contains("no such table") => {}
                Err(error) => return Err(error).context("it is no SQLite database, or a damaged one"),
            }
        }
        Ok(None)
    }

    fn has(&self, column: &str) -> bool {
        self.columns.iter().any(|held| held == column)
    }

    fn rows(&self, database: &Connection) -> Result<Vec<Cells<'_>>> {
        let mut statement = database.prepare(&format!("SELECT * FROM \"{}\"", self.name))?;
        let rows = statement.query_map([], |row| {
            let values = (0..self.columns.len()).map(|at| row.get(at)).collect::<Result<_, _>>()?;
            Ok(Cells { columns: &self.columns, values })
        })?;
        rows.collect::<Result<_, _>>().with_context(|| format!("the table {} cannot be read", self.name))
    }
}

/// The columns of `SELECT *`, in small letters. Not by the statement: it panics at a name that is no UTF-8.
fn columns(database: &Connection, table: &str) -> Result<Vec<String>> {
    let mut statement = database.prepare("SELECT name FROM pragma_table_xinfo(?1) WHERE hidden <> 1 ORDER BY cid")?;
    let names = statement.query_map([table], |row| {
        Ok(String::from_utf8_lossy(row.get_ref(0)?.as_bytes().unwrap_or_default()).to_ascii_lowercase())
    })?;
    names.collect::<Result<_, _>>().with_context(|| format!("the columns of {table} cannot be read"))
}

impl Cells<'_> {
    /// The first of `names` that is a column with a value.
    fn value(&self, names: &[&str]) -> Option<&Value> {
        let found = names.iter().filter_map(|name| {
            let at = self.columns.iter().position(|column| column == name)?;
            Some(&self.values[at]).filter(|value| **value != Value::Null)
        });
        let mut found = found;
        found.next()
    }

    fn text(&self, names: &[&str]) -> Option<String> {
        let text = match self.value(names)? {
            Value::Text(text) => text.trim().to_owned(),
            Value::Integer(number) => number.to_string(),
            Value::Real(number) => number.to_string(),
            Value::Blob(bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
            Value::Null => return None,
        };
        Some(text).filter(|text| !text.is_empty())
    }

    fn truth(&self, names: &[&str]) -> Option<bool> {
        let text = self.text(names)?.to_ascii_lowercase();
        Some(matches!(text.as_str(), "1" | "true" | "t" | "yes"))
    }

    fn number(&self, names: &[&str]) -> Option<f64> {
        self.text(names)?.parse().ok().filter(|number: &f64| number.is_finite() && *number > 0.0)
    }

    fn pixels(&self, names: &[&str]) -> Option<u32> {
        self.text(names)?.parse().ok().filter(|pixels| *pixels > 0)
    }

    fn time(&self, names: &[&str]) -> Option<Timestamp> {
        time(&self.text(names)?)
    }
}

/// As SQLAlchemy writes times (UTC without saying so), with an offset, or as Unix seconds or milliseconds.
fn time(text: &str) -> Option<Timestamp> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time);
    }
    if let Ok(time) = text.parse::<DateTime>() {
        return time.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
    }
    let number: f64 = text.parse().ok()?;
    let seconds = if number > 1e11 { number / 1000.0 } else { number };
    Timestamp::from_microsecond((seconds * 1e6) as i64).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_however_they_were_written() {
        let expected: Timestamp = "2023-04-05T06:07:08Z".parse().expect("a time");
        for text in ["2023-04-05 06:07:08.000000", "2023-04-05T06:07:08", "2023-04-05T08:07:08+02:00", "1680674828"] {
            assert_eq!(time(text), Some(expected), "{text}");
        }
        assert_eq!(time("1680674828000"), Some(expected));
        assert_eq!(time("yesterday"), None);
    }

    #[test]
    fn a_schema_with_other_names_is_read_and_what_is_missing_is_said() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a ?#%.db");
        let database = Connection::open(&path).expect("made");
        let schema = "PRAGMA journal_mode=WAL;
            CREATE TABLE video (id CHAR(32) PRIMARY KEY, slug TEXT, name TEXT, path TEXT);
            INSERT INTO video VALUES ('0123', 'aB3dE6gH9j', 'Lake', '/data/uploads/videos/x.mp4');
            CREATE TABLE config (key TEXT, value TEXT);
            INSERT INTO config VALUES ('video_output_format', 'HLS');";
        database.execute_batch(schema).expect("filled");
        // Once from the log, once from the file alone.
        for _ in 0..2 {
            let library = read(&path).expect("read");
            assert_eq!(library.videos.len(), 1);
            assert_eq!(library.videos[0].title, "Lake");
            assert_eq!(library.videos[0].files, ["/data/uploads/videos/x.mp4", "0123"]);
            assert_eq!(library.output_format.as_deref(), Some("hls"));
            assert!(library.missing.iter().any(|said| said.contains("user_id")), "{:?}", library.missing);
            database.execute_batch("PRAGMA wal_checkpoint(TRUNCATE);").expect("moved");
        }
    }

    #[test]
    fn what_is_no_such_database_is_refused_in_words() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), "not a database at all, but long enough to look at").expect("written");
        assert!(read(file.path()).is_err());
        let empty = tempfile::NamedTempFile::new().expect("a file");
        assert!(format!("{:#}", read(empty.path()).expect_err("no tables")).contains("no table of videos"));
        assert!(read(Path::new("/nonexistent/clipset.db")).is_err());
    }
}
