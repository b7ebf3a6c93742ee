//! Secrets: sealed wherever they are stored or shown, open only where they are used.
//!
//! A [`Sealed`] value is ciphertext under the inventory's key (XChaCha20-Poly1305, random nonce). Plans,
//! entities and receipts hold only that; [`Keyring::open`] gives the clear value to the code that writes it
//! into its one file or feeds it to a child's standard input.

use camino::Utf8Path;
use chacha20poly1305::aead::{Aead, KeyInit};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use data_encoding::BASE64;
use secrecy::{ExposeSecret, SecretString};

use crate::{Error, Result};

const NONCE: usize = 24;

/// A secret at rest: `v1.` and base64 of nonce and ciphertext. Shows itself as `(secret)`.
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct Sealed(String);

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
        let hint = format!("run `chmod 600 {path}`, and replace the key if somebody may have read it");
        let meta = std::fs::metadata(path)
            .map_err(|e| problem("cannot be read").because(e).hint("run `aegir init`, or restore the key from your backup"))?;
        if meta.permissions().mode() & 0o077 != 0 {
            return Err(problem("can be read by others than its owner").hint(hint));
        }
        let text = std::fs::read_to_string(path).map_err(|e| problem("cannot be read").because(e))?;
        Self::from_text(&SecretString::from(text)).map_err(|e| problem("is not a key").because(e))
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

    /// A keyed hash: proves that this inventory made a document, and compares values without showing them.
    pub fn mark(&self, bytes: &[u8]) -> String {
        let key = blake3::derive_key("aegir 2026 document mark", &self.key);
        blake3::keyed_hash(&key, bytes).to_hex().to_string()
    }
}

/// A random password of letters and digits without look-alikes; 24 characters carry over 130 bits.
pub fn random_password() -> Result<SecretString> {
    const ALPHABET: &[u8; 54] = b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz234567";
    let mut text = String::with_capacity(24);
    while text.len() < 24 {
        for byte in random_bytes::<32>()? {
            // Bytes above the last whole multiple would favour the first letters.
            if byte < 216 && text.len() < 24 {
                text.push(char::from(ALPHABET[usize::from(byte) % ALPHABET.len()]));
            }
        }
    }
    Ok(SecretString::from(text))
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
    use super::*;

    #[test]
    fn seals_opens_and_never_shows() {
        let keyring = Keyring::generate().unwrap();
        let sealed = keyring.seal(&SecretString::from("canary")).unwrap();
        assert_eq!(keyring.open(&sealed).unwrap().expose_secret(), "canary");
        assert!(!format!("{sealed:?} {}", serde_json::to_string(&sealed).unwrap()).contains("canary"));
        assert!(Keyring::generate().unwrap().open(&sealed).is_err());
        assert_eq!(random_password().unwrap().expose_secret().len(), 24);
    }
}
