//! Outputs `svg` and `html` of the command `preview`: the platform as a picture. Every arrow in the picture follows
//! from the plans and their manifests.

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

/// Platform picture of a preview as an SVG document.
pub fn svg(preview: &Preview) -> String {
    svg::svg(&Picture::of(preview), For::File)
}

/// Platform picture of a preview as one self-contained HTML page, with the manifests of every part.
pub fn html(preview: &Preview) -> io::Result<String> {
    html::html(&Picture::of(preview))
}
