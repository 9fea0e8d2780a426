//! The preview as a picture: the platform that claims become, as SVG and as a page of its own. Arrows follow from the
//! manifests; nothing is drawn by hand. Nothing here runs unless a person asks for a picture.

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

/// The picture, for whoever shows SVG.
pub fn svg(preview: &Preview) -> String {
    draw::svg(&Picture::of(preview), For::File)
}

/// The picture with all that is behind it, as one page that needs nothing else.
pub fn html(preview: &Preview) -> io::Result<String> {
    page::html(&Picture::of(preview))
}
