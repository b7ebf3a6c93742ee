//! Headers of a tar stream as GNU tar reads them: any bytes as names, times to the nanosecond.

/// What everything in the stream is a multiple of.
const BLOCK: usize = 512;
/// What a name may have in a plain header.
const NAME: usize = 100;
/// Sizes above do not fit eleven octal digits.
const OCTAL: u64 = 0o77_777_777_777;

/// What a header is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tagged<'a> {
    File,
    Dir,
    Link(&'a [u8]),
    /// Another name of a file that came before.
    Twin(&'a [u8]),
}

/// Appends the header of one thing, with what has to come before it.
pub(super) fn header(out: &mut Vec<u8>, name: &[u8], tagged: Tagged<'_>, mode: u32, size: u64, time: (i64, u32)) {
    let (kind, link): (u8, &[u8]) = match tagged {
        Tagged::File => (b'0', b""),
        Tagged::Dir => (b'5', b""),
        Tagged::Link(to) => (b'2', to),
        Tagged::Twin(of) => (b'1', of),
    };
    let (sec, nsec) = time;
    let mut records = Vec::new();
    if nsec != 0 || sec < 0 || u64::try_from(sec).is_ok_and(|sec| sec > OCTAL) {
        // Before 1970 the fraction counts away from it.
        let (whole, fraction) = if sec < 0 && nsec > 0 { (sec + 1, 1_000_000_000 - nsec) } else { (sec, nsec) };
        let sign = if sec < 0 && whole == 0 { "-" } else { "" };
        record(&mut records, "mtime", &format!("{sign}{whole}.{fraction:09}"));
    }
    if size > OCTAL {
        record(&mut records, "size", &size.to_string());
    }
    if !records.is_empty() {
        block(out, b"aegir", b"", b'x', 0, records.len() as u64, 0);
        padded(out, &records);
    }
    // GNU's own way for long names, and not the one of POSIX: it takes bytes and asks for no character set.
    for (long, kind) in [(link, b'K'), (name, b'L')] {
        if long.len() > NAME {
            block(out, b"././@LongLink", b"", kind, 0, long.len() as u64 + 1, 0);
            padded(out, &[long, b"\0"].concat());
        }
    }
    block(out, name, link, kind, mode, size.min(OCTAL), u64::try_from(sec).unwrap_or(0).min(OCTAL));
}

/// How many bytes make the content of a file whole blocks.
pub(super) fn padding(size: u64) -> usize {
    (BLOCK - (size % BLOCK as u64) as usize) % BLOCK
}

/// What ends a stream.
pub(super) const END: [u8; 2 * BLOCK] = [0; 2 * BLOCK];

fn record(out: &mut Vec<u8>, key: &str, value: &str) {
    // The length of a record counts its own digits.
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    out.extend_from_slice(format!("{length} {key}={value}\n").as_bytes());
}

fn padded(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(bytes);
    out.resize(out.len() + padding(bytes.len() as u64), 0);
}

fn block(out: &mut Vec<u8>, name: &[u8], link: &[u8], kind: u8, mode: u32, size: u64, sec: u64) {
    let at = out.len();
    out.resize(at + BLOCK, 0);
    let header = &mut out[at..];
    let put = |header: &mut [u8], at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
    put(header, 0, &name[..name.len().min(NAME)]);
    put(header, 100, format!("{mode:07o}").as_bytes());
    put(header, 108, b"0000000\x000000000");
    put(header, 124, format!("{size:011o}").as_bytes());
    put(header, 136, format!("{sec:011o}").as_bytes());
    put(header, 148, b"        ");
    header[156] = kind;
    put(header, 157, &link[..link.len().min(NAME)]);
    put(header, 257, b"ustar  ");
    let sum: u32 = header.iter().map(|b| u32::from(*b)).sum();
    put(header, 148, format!("{sum:06o}\0 ").as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tar_reads_it() {
        use std::io::Write as _;
        let long = [&b"d/"[..], &[b'n'; 255]].concat();
        let mut out = Vec::new();
        header(&mut out, b"d", Tagged::Dir, 0o2750, 0, (1_700_000_000, 0));
        header(&mut out, &long, Tagged::File, 0o4755, 3, (1_700_000_001, 123_456_789));
        padded(&mut out, b"abc");
        header(&mut out, b"odd\n\xff", Tagged::Link(&[b't'; 300]), 0o777, 0, (0, 1));
        header(&mut out, b"-rf", Tagged::Twin(&long), 0o644, 0, (-2, 250_000_000));
        out.extend_from_slice(&END);
        let dir = tempfile::tempdir().unwrap();
        let mut tar = std::process::Command::new("tar")
            .args(["-x", "-p", "-f", "-", "-C"])
            .arg(dir.path())
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        tar.stdin.take().unwrap().write_all(&out).unwrap();
        assert!(tar.wait().unwrap().success());
        let shown =
            std::process::Command::new("find").arg(dir.path()).args(["-mindepth", "1", "-printf", "%y %m %T@ %n %f\n"]).output().unwrap();
        let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
        let name = "n".repeat(255);
        for line in [
            "d 2750 1700000000.0000000000 2 d".to_owned(),
            format!("f 4755 1700000001.1234567890 2 {name}"),
            "f 4755 1700000001.1234567890 2 -rf".into(),
        ] {
            assert!(shown.contains(&line), "{line}: {shown}");
        }
        assert!(shown.contains("l 777 0.0000000010 1 odd\n"), "{shown}");
    }
}
