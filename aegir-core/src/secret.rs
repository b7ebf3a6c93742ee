//! Secrets: sealed wherever they are stored or shown, open only where they are used.
//!
//! A [`Sealed`] value is ciphertext under the inventory's key (XChaCha20-Poly1305, random nonce). Plans,
//! entities and receipts hold only that; [`Keyring::open`] gives the clear value to the code that writes it
//! into its one file or feeds it to a child's standard input.
//!
//! As JSON it is an object of its own shape, never a string. So [`hide`] knows secrets from text by their type, and no
//! version, title or setting is taken for one because of how it begins.

use camino::Utf8Path;
use chacha20poly1305::aead::{Aead, KeyInit};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use data_encoding::BASE64;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::{Error, ErrorKind, Result};

const NONCE: usize = 24;

/// The one field of a secret as JSON; no other type of ours has a field of this name.
const FIELD: &str = "$sealed";

/// A secret at rest: `v1.` and base64 of nonce and ciphertext. Shows itself as `(secret)`.
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(from = "Stored", into = "Object")]
pub struct Sealed(String);

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Object {
    #[serde(rename = "$sealed")]
    sealed: String,
}

impl From<Sealed> for Object {
    fn from(sealed: Sealed) -> Self {
        Self { sealed: sealed.0 }
    }
}

/// What inventories hold: the object, or the bare text that it was before there were objects.
#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Stored {
    Object(Object),
    Text(String),
}

impl From<Stored> for Sealed {
    fn from(stored: Stored) -> Self {
        match stored {
            Stored::Object(Object { sealed }) | Stored::Text(sealed) => Self(sealed),
        }
    }
}

impl schemars::JsonSchema for Sealed {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Sealed".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "A secret, sealed with the inventory's key.",
            "type": "object",
            "properties": { FIELD: { "type": "string" } },
            "required": [FIELD],
            "additionalProperties": false,
        })
    }
}

/// Calls `each` with every secret in a JSON value, at any depth, and puts there what it returns.
fn replace(value: &mut Value, each: &mut dyn FnMut(Sealed) -> Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| replace(item, each)),
        Value::Object(map) => {
            let sealed = map.get(FIELD).and_then(Value::as_str).filter(|_| map.len() == 1).map(str::to_owned);
            match sealed {
                Some(sealed) => *value = each(Sealed(sealed)),
                None => map.values_mut().for_each(|inner| replace(inner, each)),
            }
        }
        _ => {}
    }
}

/// Puts `(secret)` where a JSON value has one: ciphertext says nothing to people, and is nobody's business.
pub fn hide(value: &mut Value) {
    replace(value, &mut |_| "(secret)".into());
}

impl std::fmt::Debug for Sealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(secret)")
    }
}

impl Sealed {
    /// The ciphertext, for the column that stores it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// From the column that stored it.
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }
}

/// What a [`Keyring::mark`] is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Domain {
    /// A saved plan.
    Plan,
    /// What stands in a step's place.
    Observation,
    /// A set of configuration files.
    Configuration,
    /// A clear value, to be compared.
    Secret,
}

/// The key of one inventory; seals, opens, and marks plans as made here.
pub struct Keyring {
    key: [u8; 32],
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keyring(secret)")
    }
}

impl Keyring {
    /// A fresh random key.
    pub fn generate() -> Result<Self> {
        Ok(Self { key: random_bytes()? })
    }

    /// The key as the text of its file: 64 hexadecimal digits.
    pub fn to_file_text(&self) -> SecretString {
        SecretString::from(data_encoding::HEXLOWER.encode(&self.key) + "\n")
    }

    /// Reads a key file; refuses one that others than its owner can read.
    pub fn load(path: &Utf8Path) -> Result<Self> {
        use std::os::unix::fs::PermissionsExt as _;
        let problem = |why: &str| Error::refused(format!("the key file {path} {why}")).context("file", path);
        // Never a new one: it would open nothing of what is stored.
        let restore = "restore it from your backup, which holds it beside the inventory";
        let unread = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::PermissionDenied => {
                Error::new(ErrorKind::Denied, format!("the key file {path} may not be read by this user"))
                    .context("file", path)
                    .hint(format!("its user alone reads it: `ls -l {path}`"))
                    .because(error)
            }
            std::io::ErrorKind::NotFound => problem("does not exist").hint(restore).because(error),
            _ => problem("cannot be read").hint(restore).because(error),
        };
        let meta = std::fs::metadata(path).map_err(unread)?;
        if meta.permissions().mode() & 0o077 != 0 {
            return Err(problem("can be read by others than its owner")
                .hint(format!("run `chmod 600 {path}`, and replace the key if somebody may have read it")));
        }
        let text = std::fs::read_to_string(path).map_err(unread)?;
        Self::from_text(&SecretString::from(text)).map_err(|e| problem("is not a key").hint(restore).because(e))
    }

    /// From the text of a key file.
    pub fn from_text(text: &SecretString) -> Result<Self> {
        let bytes = data_encoding::HEXLOWER.decode(text.expose_secret().trim().as_bytes()).ok();
        let key = bytes.and_then(|b| <[u8; 32]>::try_from(b).ok()).ok_or_else(|| Error::invalid("a key is 64 hexadecimal digits"))?;
        Ok(Self { key })
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&Key::from(self.key))
    }

    /// Encrypts a value for storage.
    pub fn seal(&self, clear: &SecretString) -> Result<Sealed> {
        let nonce: [u8; NONCE] = random_bytes()?;
        let cipher = self
            .cipher()
            .encrypt(&XNonce::from(nonce), clear.expose_secret().as_bytes())
            .map_err(|_| Error::internal("a secret could not be sealed"))?;
        let mut bytes = nonce.to_vec();
        bytes.extend(cipher);
        Ok(Sealed(format!("v1.{}", BASE64.encode(&bytes))))
    }

    /// Decrypts a stored value; fails when the key is another one or the text was altered.
    pub fn open(&self, sealed: &Sealed) -> Result<SecretString> {
        let problem = || {
            Error::refused("a stored secret cannot be opened with this inventory's key")
                .hint("restore the key file that belongs to this inventory")
        };
        let bytes = sealed
            .0
            .strip_prefix("v1.")
            .and_then(|text| BASE64.decode(text.as_bytes()).ok())
            .filter(|b| b.len() > NONCE)
            .ok_or_else(problem)?;
        let (nonce, cipher) = bytes.split_at(NONCE);
        let nonce = <[u8; NONCE]>::try_from(nonce).map_err(|_| problem())?;
        let clear = self.cipher().decrypt(&XNonce::from(nonce), cipher).map_err(|_| problem())?;
        String::from_utf8(clear).map(SecretString::from).map_err(|_| problem())
    }

    /// A keyed hash: proves that this inventory made a document, and compares values without showing them. The same bytes
    /// have another mark in each domain, so what was marked as one thing never passes for another.
    pub fn mark(&self, domain: Domain, bytes: &[u8]) -> String {
        let context = match domain {
            Domain::Plan => "aegir 2026-11 saved plan",
            Domain::Observation => "aegir 2026-11 observation of a step",
            Domain::Configuration => "aegir 2026-11 generation of a configuration",
            Domain::Secret => "aegir 2026-11 sameness of secrets",
        };
        blake3::keyed_hash(&blake3::derive_key(context, &self.key), bytes).to_hex().to_string()
    }

    /// Returns a JSON value with a mark of its clear value for each secret: two such values are equal when what they stand
    /// for is, however it was sealed, and neither shows it.
    pub fn comparable(&self, mut value: Value) -> Result<Value> {
        let mut failed = None;
        replace(&mut value, &mut |sealed| match self.open(&sealed) {
            Ok(clear) => serde_json::json!({ "mark": self.mark(Domain::Secret, clear.expose_secret().as_bytes()) }),
            Err(error) => {
                failed.get_or_insert(error);
                Value::Null
            }
        });
        failed.map_or(Ok(value), Err)
    }
}

/// A random password of letters and digits without look-alikes and of signs that mean nothing anywhere, each kind at least
/// once, as password policies want it; 24 characters carry over 130 bits.
pub fn random_password() -> Result<SecretString> {
    const ALPHABET: &[u8; 57] = b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz234567-_.";
    loop {
        let mut text = String::with_capacity(24);
        while text.len() < 24 {
            for byte in random_bytes::<32>()? {
                // Bytes above the last whole multiple would favour the first letters.
                if byte < 228 && text.len() < 24 {
                    text.push(char::from(ALPHABET[usize::from(byte) % ALPHABET.len()]));
                }
            }
        }
        let has = |kind: fn(&char) -> bool| text.chars().any(|c| kind(&c));
        let kinds = [char::is_ascii_uppercase, char::is_ascii_lowercase, char::is_ascii_digit, char::is_ascii_punctuation];
        // At an end a sign may be taken for something else by people who copy it.
        let plain_ends = text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.ends_with(|c: char| c.is_ascii_alphanumeric());
        if plain_ends && kinds.into_iter().all(has) {
            return Ok(SecretString::from(text));
        }
    }
}

/// A random salt: 64 URL-safe characters.
pub fn random_salt() -> Result<SecretString> {
    Ok(SecretString::from(data_encoding::BASE64URL_NOPAD.encode(&random_bytes::<48>()?)))
}

fn random_bytes<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|e| Error::internal("the system gives no random numbers").because(e.to_string()))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn seals_opens_and_never_shows() {
        let keyring = Keyring::generate().unwrap();
        let sealed = keyring.seal(&SecretString::from("canary")).unwrap();
        assert_eq!(keyring.open(&sealed).unwrap().expose_secret(), "canary");
        assert!(!format!("{sealed:?} {}", serde_json::to_string(&sealed).unwrap()).contains("canary"));
        assert!(Keyring::generate().unwrap().open(&sealed).is_err());
    }

    #[test]
    fn a_password_has_what_policies_want() {
        for _ in 0..50 {
            let password = random_password().unwrap();
            let text = password.expose_secret();
            assert_eq!(text.len(), 24);
            assert!(text.contains(|c: char| c.is_ascii_uppercase()) && text.contains(|c: char| c.is_ascii_lowercase()));
            assert!(text.contains(|c: char| c.is_ascii_digit()) && text.contains(['-', '_', '.']) && !text.starts_with('-'));
        }
    }

    #[test]
    fn a11_secrets_are_hidden_by_type_and_text_never_is() {
        let keyring = Keyring::generate().unwrap();
        let sealed = keyring.seal(&SecretString::from("canary")).unwrap();
        let mut value = json!({ "version": "v1.9.9", "text": sealed.as_str(), "deep": [{ "password": sealed, "empty": {} }] });
        hide(&mut value);
        assert_eq!(value, json!({ "version": "v1.9.9", "text": sealed.as_str(), "deep": [{ "password": "(secret)", "empty": {} }] }));
    }

    #[test]
    fn a11_sameness_is_of_values_not_of_ciphertext() {
        let keyring = Keyring::generate().unwrap();
        let value = |clear: &str| json!({ "p": [keyring.seal(&SecretString::from(clear)).unwrap()] });
        let same = |a, b| keyring.comparable(a).unwrap() == keyring.comparable(b).unwrap();
        assert!(same(value("one"), value("one")) && !same(value("one"), value("two")));
        assert!(!keyring.comparable(value("canary")).unwrap().to_string().contains("canary"));
        assert!(Keyring::generate().unwrap().comparable(value("one")).is_err());
    }

    #[test]
    fn a_secret_of_an_older_inventory_reads_and_is_written_anew() {
        let keyring = Keyring::generate().unwrap();
        let sealed = keyring.seal(&SecretString::from("canary")).unwrap();
        let old: Sealed = serde_json::from_value(json!(sealed.as_str())).unwrap();
        assert_eq!(old, sealed);
        assert_eq!(serde_json::to_value(&old).unwrap(), json!({ "$sealed": sealed.as_str() }));
        assert_eq!(serde_json::from_value::<Sealed>(serde_json::to_value(&old).unwrap()).unwrap(), old);
    }

    #[test]
    fn a20_a_mark_of_one_thing_is_none_of_another() {
        let keyring = Keyring::generate().unwrap();
        let marks: std::collections::BTreeSet<String> =
            [Domain::Plan, Domain::Observation, Domain::Configuration, Domain::Secret].map(|d| keyring.mark(d, b"x")).into();
        assert_eq!(marks.len(), 4);
    }
}
