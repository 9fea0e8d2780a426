//! The preview as a platform picture, in SVG or as an HTML page. Every arrow follows from the manifests.

use std::io;

use self::model::Picture;
use self::svg::For;
use crate::preview::model::Preview;

mod arrows;
mod facts;
mod flow;
mod html;
mod layout;
mod measure;
mod model;
mod parts;
mod reading;
mod scene;
mod sheets;
mod svg;
mod wiring;

/// Picture of the previewed platform as an SVG document.
pub fn svg(preview: &Preview) -> String {
    svg::svg(&Picture::of(preview), For::File)
}

/// Picture of the previewed platform as one self-contained HTML page, with the manifests of every part.
pub fn html(preview: &Preview) -> io::Result<String> {
    html::html(&Picture::of(preview))
}
