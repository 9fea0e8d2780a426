//! Output `html` of the command `preview`: an HTML page with the platform picture and a section about each part, with
//! its cluster, its relations and its manifests. The page is one file that loads no other. Without JavaScript, the page
//! still shows the manifests of every part.

use std::fmt::Write;
use std::io;

use realtime_platform_core::text::yaml;

use super::arrows::{Arrow, End, Layer};
use super::model::Picture;
use super::parts::{self, Part};
use super::svg::{self, For, LAYERS, escape, part_id};
use crate::documents::object::text;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Whether arrows of this kind are visible when the HTML page of the platform picture opens. Arrows for order, Secrets
/// and network policies are hidden until the reader of the page switches them on.
fn is_shown_at_first(layer: Layer) -> bool {
    layer <= Layer::Data
}

pub fn html(picture: &Picture) -> io::Result<String> {
    let mut out = String::new();
    let title = escape(&format!("The platform of {}", picture.title));
    let _ = write!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" \
         content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:\">\n\
         <link rel=\"icon\" href=\"data:,\">\n<title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n"
    );
    bar(&mut out, &title, picture);
    out.push_str("<main>\n<div id=\"canvas\" tabindex=\"0\" role=\"region\" aria-label=\"Picture of the platform\">\n");
    out.push_str(&svg::svg(picture, For::Page));
    out.push_str("</div>\n<aside id=\"about\" aria-label=\"About the part\">\n");
    let arrows = by_part(picture);
    for (index, (part, arrows)) in picture.parts.iter().zip(&arrows).enumerate() {
        section(&mut out, picture, index, part, arrows)?;
    }
    let _ = write!(out, "</aside>\n</main>\n<script>\n{SCRIPT}</script>\n</body>\n</html>\n");
    Ok(out)
}

fn bar(out: &mut String, title: &str, picture: &Picture) {
    let resources: usize = picture.parts.iter().map(|part| part.resources.len()).sum();
    let _ = write!(
        out,
        "<header>\n<h1>{title}</h1>\n<p>{} parts, {resources} resources</p>\n\
         <label class=\"search\">Search <input id=\"search\" type=\"search\" \
         placeholder=\"part, kind or name\" autocomplete=\"off\"></label>\n<output id=\"found\" role=\"status\"></output>\n\
         <fieldset><legend>Show</legend>\n",
        picture.parts.len()
    );
    for (layer, class, label) in
        LAYERS.iter().filter(|(layer, ..)| picture.arrows.iter().any(|arrow| arrow.layer == *layer))
    {
        let checked = if is_shown_at_first(*layer) { " checked" } else { "" };
        let _ = writeln!(
            out,
            "<label class=\"layer {class}\"><input type=\"checkbox\" name=\"layer\" value=\"{class}\"{checked}>{label}</label>"
        );
    }
    out.push_str("</fieldset>\n<button id=\"theme\" type=\"button\">Dark</button>\n</header>\n");
}

/// Arrows that start or end at each part, for the part's section of the platform picture's HTML page. Arrows for the
/// order of the plan are left out, because the section has an entry with the parts that must be ready first.
fn by_part<'p>(picture: &'p Picture) -> Vec<Vec<&'p Arrow>> {
    let mut arrows = vec![Vec::new(); picture.parts.len()];
    for arrow in picture.arrows.iter().filter(|arrow| arrow.layer != Layer::Order) {
        for end in [&arrow.from, &arrow.to] {
            if let End::Part(part) = end {
                arrows[*part].push(arrow);
            }
        }
    }
    arrows
}

fn section(out: &mut String, picture: &Picture, index: usize, part: &Part, arrows: &[&Arrow]) -> io::Result<()> {
    let claim = &part.shown.asked.claim;
    let id = part_id(index);
    let _ = write!(
        out,
        "<section id=\"{id}\" tabindex=\"-1\" aria-labelledby=\"{id}-title\">\n\
         <a class=\"close\" href=\"#\" aria-label=\"Close\">×</a>\n<h2 id=\"{id}-title\">{}</h2>\n<dl>\n",
        escape(&part.title())
    );
    entry(out, "Part", &format!("<code>{}</code>", escape(part.name)));
    let of = format!("{} {}", part.shown.asked.kind_name(), claim.name);
    entry(out, "Of", &escape(&of));
    let namespace = part.namespace.as_ref().map(|name| format!(", namespace {name}")).unwrap_or_default();
    entry(out, "In", &escape(&format!("{}{namespace}", part.cluster)));
    let waits = part.waits_for();
    if !waits.is_empty() {
        entry(out, "Waits for", &escape(&waits.join(", ")));
    }
    for (name, url) in picture.reached_at(index) {
        entry(out, "Reached at", &format!("<code>{}</code> {}", escape(url), escape(name)));
    }
    out.push_str("</dl>\n");
    for resource in &part.resources {
        let manifest = resource.manifest();
        let content = yaml::document(manifest).map_err(io::Error::other)?;
        let _ = write!(
            out,
            "<details><summary>{} <b>{}</b></summary>\n<pre tabindex=\"0\">{}</pre></details>\n",
            escape(text(manifest, "/kind")),
            escape(&parts::resource_name(resource)),
            escape(&content)
        );
    }
    relations(out, picture, index, arrows);
    out.push_str("</section>\n");
    Ok(())
}

fn entry(out: &mut String, term: &str, markup: &str) {
    let _ = writeln!(out, "<dt>{term}</dt><dd>{markup}</dd>");
}

/// Adds the relations of a part to the part's section of the platform picture's HTML page: lists of the parts to which
/// and from which arrows lead.
fn relations(out: &mut String, picture: &Picture, index: usize, arrows: &[&Arrow]) {
    let me = End::Part(index);
    let (forth, back): (Vec<&Arrow>, Vec<&Arrow>) = arrows.iter().partition(|arrow| arrow.from == me);
    for (title, arrows) in [("Leads to", forth), ("Comes from", back)] {
        if arrows.is_empty() {
            continue;
        }
        let _ = writeln!(out, "<h3>{title}</h3>\n<ul>");
        for arrow in arrows {
            let other = if arrow.from == me { &arrow.to } else { &arrow.from };
            let name = escape(&picture.end_name(other));
            let name = match other {
                End::Part(part) => format!("<a href=\"#{}\">{name}</a>", part_id(*part)),
                End::Beyond(_) | End::Entrance(_) => name,
            };
            let because = escape(&arrow.because.join("; "));
            let class = svg::class(arrow.layer);
            let _ =
                writeln!(out, "<li><span class=\"chip {class}\">{class}</span> {name} <small>{because}</small></li>");
        }
        out.push_str("</ul>\n");
    }
}
