//! Owners: every member there becomes a username here, and an account that cannot sign in until an administrator lets it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, ensure};
use clipset_bucket::{Bucket, BucketError};
use clipset_core::{
    Timestamp,
    account::{Account, Role},
    id::Username,
    key::DocumentKey,
};

use super::database::{Library, Row};
use crate::checksum;

/// The username here of each member there.
pub struct Owners {
    names: BTreeMap<String, Username>,
    fallback: Option<Username>,
}

impl Owners {
    /// Gives every member of `library` a name of our form, the same at every import; `fallback` for who is in no table.
    pub fn new(library: &Library, fallback: Option<Username>) -> Self {
        let mut taken = BTreeSet::new();
        let mut names = BTreeMap::new();
        // Those whose names need no change keep them, whoever comes first.
        let (good, other): (Vec<_>, Vec<_>) =
            library.people.iter().partition(|(_, person)| person.name.parse::<Username>().is_ok());
        for (id, person) in good.into_iter().chain(other) {
            let name = username(&person.name, &taken);
            taken.insert(name.clone());
            names.insert(id.clone(), name);
        }
        Self { names, fallback }
    }

    /// Whom `row` belongs to.
    pub fn of(&self, row: &Row) -> Option<Username> {
        let owner = row.owner.as_ref();
        let known = owner.and_then(|owner| self.names.get(owner).cloned());
        known.or_else(|| self.fallback.clone()).or_else(|| {
            // A column of names instead of keys.
            owner.filter(|_| self.names.is_empty()).map(|owner| username(owner, &BTreeSet::new()))
        })
    }

    /// Makes an account for everyone of `owners` who has none: disabled, with no password, a user. Gives those made.
    ///
    /// # Errors
    /// A sentence if there is no account at all: the first one must be the administrator's.
    pub async fn make_accounts(bucket: &Bucket, owners: &BTreeSet<Username>, now: Timestamp) -> Result<Vec<Username>> {
        let accounts = bucket.children(DocumentKey::ACCOUNTS).await?;
        ensure!(
            !accounts.is_empty(),
            "there is no account yet: start the system once, so that it has its administrator"
        );
        let mut made = Vec::new();
        for owner in owners.iter().filter(|owner| !accounts.contains(&format!("{owner}.json"))) {
            // No PHC string: no password matches it.
            let mut account = Account::new(owner.clone(), Role::User, String::new(), now);
            account.disabled = true;
            match bucket.create(&DocumentKey::Account(owner.clone()), &account).await {
                Ok(_) => made.push(owner.clone()),
                Err(BucketError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(made)
    }
}

/// `name` in our form; with a piece of its checksum where it had to change and would be somebody else's.
fn username(name: &str, taken: &BTreeSet<Username>) -> Username {
    let local = name.split('@').next().unwrap_or_default().to_ascii_lowercase();
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let plain: String = local.chars().map(|c| if allowed(c) { c } else { '-' }).take(32).collect();
    let plain = plain.trim_start_matches(['.', '_', '-']);
    if let Ok(own) = plain.parse()
        && !taken.contains(&own)
    {
        return own;
    }
    let piece = &checksum::of_bytes(name.as_bytes()).sha256[..8];
    let short: String = plain.chars().take(20).collect();
    let text = if short.is_empty() { format!("member-{piece}") } else { format!("{short}-{piece}") };
    text.parse().expect("letters, digits and hyphens, at most 29")
}

#[cfg(test)]
mod tests {
    use super::{super::database::Person, *};

    #[test]
    fn everyone_gets_a_name_of_our_form_and_of_their_own() {
        let mut library = Library::default();
        for (id, name) in [("1", "ada@example.org"), ("2", "ada"), ("3", "Björn Ä"), ("4", "李"), ("5", "..")] {
            library.people.insert(id.into(), Person { name: name.into(), admin: false });
        }
        let owners = Owners::new(&library, None);
        assert_eq!(owners.names["2"].as_str(), "ada", "who has the name keeps it");
        assert!(owners.names["1"].as_str().starts_with("ada-"));
        assert_eq!(owners.names["3"].as_str(), "bj-rn--");
        assert_eq!(owners.names.values().collect::<BTreeSet<_>>().len(), 5);
        let row = Row { owner: Some("2".into()), ..Row::default() };
        assert_eq!(owners.of(&row).map(|name| name.to_string()).as_deref(), Some("ada"));
        assert_eq!(owners.of(&Row::default()), None);
    }
}
