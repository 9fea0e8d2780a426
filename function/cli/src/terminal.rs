//! Text output of the command-line program to a terminal. Styles that the program itself adds, such as bold, reach the
//! terminal as control sequences. Other text may come from users' files, so its control characters are escaped.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::{self, Write};
use std::sync::LazyLock;

use anstyle::Style;
use realtime_platform_core::text::readable::readable;

/// Delimiter around the control sequence of a terminal style in a text that is still to be written. No file of a user
/// can contain the delimiter: it is random in each process, and consists of Unicode noncharacters.
static MARK: LazyLock<String> = LazyLock::new(|| {
    let drawn = RandomState::new().build_hasher().finish();
    let digit = |place: u32| char::from_u32(0xfdd0 + u32::try_from(drawn >> (4 * place) & 0xf).unwrap_or_default());
    (0..16).filter_map(digit).collect()
});

/// Text in a terminal style, such as bold. The output stream removes the style if colour is off.
pub fn painted(style: Style, text: &str) -> String {
    let mark = MARK.as_str();
    format!("{mark}{style}{mark}{text}{mark}{style:#}{mark}")
}

/// Writes a text to the terminal, with the styles that the command-line program has added, such as bold. Other control
/// characters in the text are escaped.
pub fn write(out: &mut impl Write, text: &str) -> io::Result<()> {
    // Two delimiters enclose each terminal style in the text, so the pieces between delimiters are plain text and
    // styles in turn.
    let mut is_style = false;
    for piece in text.split(MARK.as_str()) {
        let piece = if is_style { piece.into() } else { readable(piece) };
        out.write_all(piece.as_bytes())?;
        is_style = !is_style;
    }
    Ok(())
}

/// Result of a command that writes its output; `otherwise` if the output is a closed pipe. That is no error: the
/// program that reads the output, such as `head`, has read enough.
pub fn or_if_closed<T>(written: io::Result<T>, otherwise: T) -> io::Result<T> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(otherwise),
        written => written,
    }
}

#[cfg(test)]
mod tests {
    use anstyle::AnsiColor;

    use super::*;

    fn written(text: &str) -> String {
        let mut out = Vec::new();
        write(&mut out, text).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn only_styles_command_a_terminal() {
        let red = AnsiColor::Red.on_default();
        let text = format!("a\u{1b}[2J {} b\u{9b}\n", painted(red, "\u{1b}[31mred"));
        assert_eq!(written(&text), format!("a\\u{{1b}}[2J {red}\\u{{1b}}[31mred{red:#} b\\u{{9b}}\n"));
    }

    #[test]
    fn what_is_painted_within_something_painted_is_too() {
        let (red, blue) = (AnsiColor::Red.on_default(), AnsiColor::Blue.on_default());
        let text = painted(red, &format!("a{}b", painted(blue, "c")));
        assert_eq!(written(&text), format!("{red}a{blue}c{blue:#}b{red:#}"));
    }
}
