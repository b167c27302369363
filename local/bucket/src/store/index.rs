//! All keys in byte order, in memory: the listing and the state that conditions are checked against.
//!
//! The files are the truth, and the journal knows what they should be; the index is read from both at start. About 200
//! bytes an object.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::format::Summary;

/// Every object's key and summary.
#[derive(Debug, Default)]
pub(crate) struct Index(BTreeMap<Box<[u8]>, Summary>);

/// One page of a listing.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) objects: Vec<(String, Summary)>,
    /// Beginnings of keys up to the delimiter, each standing for all keys that begin so.
    pub(crate) common_prefixes: Vec<String>,
    /// The last name on this page, if there are more.
    pub(crate) next: Option<String>,
}

/// What to list.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Query<'a> {
    pub(crate) prefix: &'a str,
    pub(crate) delimiter: Option<&'a str>,
    /// List only names behind this one. A common prefix that is not behind it is left out whole.
    pub(crate) after: Option<&'a str>,
    pub(crate) limit: usize,
}

impl Index {
    pub(crate) fn get(&self, key: &str) -> Option<Summary> {
        self.0.get(key.as_bytes()).copied()
    }

    pub(crate) fn insert(&mut self, key: &str, summary: Summary) {
        // A known key is not allocated again.
        match self.0.get_mut(key.as_bytes()) {
            Some(known) => *known = summary,
            None => drop(self.0.insert(key.as_bytes().into(), summary)),
        }
    }

    pub(crate) fn remove(&mut self, key: &str) {
        self.0.remove(key.as_bytes());
    }

    /// Every key and summary, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], Summary)> {
        self.0.iter().map(|(key, summary)| (&**key, *summary))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn page(&self, query: &Query<'_>) -> Page {
        let mut page = Page::default();
        if query.limit == 0 {
            return page;
        }
        let mut last = None;
        let mut from = query.start();
        'seek: loop {
            for (key, summary) in self.0.range::<[u8], _>((as_slice(&from), Bound::Unbounded)) {
                if !key.starts_with(query.prefix.as_bytes()) {
                    break 'seek;
                }
                if page.objects.len() + page.common_prefixes.len() == query.limit {
                    page.next = last;
                    break 'seek;
                }
                // Keys come from `str`s, so nothing is replaced here.
                let key = String::from_utf8_lossy(key);
                match query.common_prefix(&key) {
                    Some(common) => {
                        page.common_prefixes.push(common.to_owned());
                        last = Some(common.to_owned());
                        from = behind_all(common);
                        continue 'seek;
                    }
                    None => {
                        page.objects.push((key.clone().into_owned(), *summary));
                        last = Some(key.into_owned());
                    }
                }
            }
            break;
        }
        page
    }
}

impl FromIterator<(Box<[u8]>, Summary)> for Index {
    fn from_iter<I: IntoIterator<Item = (Box<[u8]>, Summary)>>(entries: I) -> Self {
        Self(entries.into_iter().collect())
    }
}

impl<'a> Query<'a> {
    fn start(&self) -> Bound<Vec<u8>> {
        match self.after {
            Some(after) if after >= self.prefix => match self.common_prefix(after) {
                Some(common) => behind_all(common),
                None => Bound::Excluded(after.into()),
            },
            _ => Bound::Included(self.prefix.into()),
        }
    }

    fn common_prefix<'k>(&self, key: &'k str) -> Option<&'k str> {
        let delimiter = self.delimiter?;
        let rest = key.strip_prefix(self.prefix)?;
        let at = rest.find(delimiter)?;
        Some(&key[..self.prefix.len() + at + delimiter.len()])
    }
}

/// Just behind every key that begins so. The last byte of UTF-8 is never 255.
fn behind_all(prefix: &str) -> Bound<Vec<u8>> {
    let mut bytes = Vec::from(prefix);
    if let Some(last) = bytes.last_mut() {
        *last += 1;
    }
    Bound::Included(bytes)
}

fn as_slice(bound: &Bound<Vec<u8>>) -> Bound<&[u8]> {
    match bound {
        Bound::Included(bytes) => Bound::Included(bytes),
        Bound::Excluded(bytes) => Bound::Excluded(bytes),
        Bound::Unbounded => Bound::Unbounded,
    }
}
