//! The preview as a picture, in SVG or as an HTML page. Every arrow follows from the manifests.

use std::io;

use self::draw::For;
use self::drawn::Picture;
use crate::preview::whole::Preview;

mod arrows;
mod draw;
mod drawn;
mod facts;
mod flow;
mod layout;
mod measure;
mod page;
mod parts;
mod reading;
mod scene;
mod sheets;
mod wiring;

/// Picture as an SVG document.
pub fn svg(preview: &Preview) -> String {
    draw::svg(&Picture::of(preview), For::File)
}

/// Picture as one self-contained HTML page, with the manifests of every part.
pub fn html(preview: &Preview) -> io::Result<String> {
    page::html(&Picture::of(preview))
}
