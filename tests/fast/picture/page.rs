//! The page as people use it: in a real browser, with light and dark colours, wide and narrow, searched, clicked and
//! printed. `SCREENSHOTS=FOLDER` keeps screenshots.

use std::path::PathBuf;

use serde_json::Value;

use crate::picture::APPLICATION;
use crate::picture::browser::{self, Browser};
use crate::picture::shown::preview;

/// Page of the example Application in a browser. Without a browser it prints a notice and returns `None`; in CI it
/// fails.
fn opened(width: u32, scheme: &str) -> Option<(Browser, tempfile::TempDir)> {
    let Some(program) = browser::program() else {
        assert!(std::env::var_os("CI").is_none(), "no Chromium is installed: it is in the list of tools/setup");
        eprintln!("skipped: no Chromium is installed here; Debian has it as chromium-headless-shell");
        return None;
    };
    if rustix::process::getrlimit(rustix::process::Resource::As).current.is_some() {
        eprintln!("skipped: the address space is limited (ulimit -v), and Chromium reserves more than it uses");
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("platform.html");
    std::fs::write(&file, preview("html", &[APPLICATION], "")).unwrap();
    let mut browser = Browser::start(&program);
    browser.look(width, 1000, scheme, "screen");
    browser.open(&file);
    browser.settle();
    Some((browser, folder))
}

fn keep(name: &str, picture: &[u8]) {
    if let Some(folder) = std::env::var_os("SCREENSHOTS") {
        std::fs::write(PathBuf::from(folder).join(name), picture).unwrap();
    }
}

/// JavaScript: texts that exceed their box, as this browser draws them.
const STICKING_OUT: &str =
    "[...document.querySelectorAll('.platform .node[data-id], .platform .station')].flatMap((node) => {
  const box = node.querySelector('rect').getBBox();
  return [...node.querySelectorAll('text')].filter((text) => {
    const t = text.getBBox();
    return t.x < box.x || t.y < box.y || t.x + t.width > box.x + box.width || t.y + t.height > box.y + box.height + 1;
  }).map((text) => text.textContent);
})";

fn is_empty(list: &Value) -> bool {
    list.as_array().is_some_and(Vec::is_empty)
}

#[test]
fn the_page_reads_well_in_light_and_dark_and_at_any_width() {
    for (scheme, ground) in [("light", "rgb(255, 255, 255)"), ("dark", "rgb(18, 23, 31)")] {
        for width in [1400, 800] {
            let Some((mut browser, _folder)) = opened(width, scheme) else { return };
            let colour = browser.ask("getComputedStyle(document.querySelector('.ground')).fill");
            assert_eq!(colour, ground, "{scheme}");
            let sticking_out = browser.ask(STICKING_OUT);
            assert!(is_empty(&sticking_out), "{scheme} {width}: {sticking_out}");
            let overflows = browser.ask("document.documentElement.scrollWidth > innerWidth");
            assert_eq!(overflows, false, "the page itself scrolls sideways at {width}");
            let size = browser.ask("document.querySelector('.node .name').getBoundingClientRect().height");
            assert!(size.as_f64().unwrap() >= 7.0, "names are {size} pixels high at {width}");
            let picture = browser.screenshot();
            assert!(picture.len() > 20_000, "an empty screen");
            keep(&format!("{scheme}-{width}.png"), &picture);
            browser.look(width, 2100, scheme, "screen");
            browser.settle();
            let picture = browser.screenshot();
            keep(&format!("{scheme}-{width}-whole.png"), &picture);
            assert!(browser.faults.is_empty(), "{:#?}", browser.faults);
        }
    }
}

/// JavaScript: whether the middle of an element is on the screen and not covered by another element.
const SEEN: &str = "(selector) => {
  const it = document.querySelector(selector);
  const r = it.getBoundingClientRect();
  const [x, y] = [r.x + r.width / 2, r.y + r.height / 2];
  const on = document.elementFromPoint(x, y);
  return r.width > 0 && r.height > 0 && on !== null && (it === on || it.contains(on));
}";

/// Layout of the panel on screens from a telephone to a wide monitor: the panel opens completely beside the picture,
/// covers nothing and is not covered. The clicked node stays in sight, and page and picture do not move.
#[test]
fn the_panel_covers_nothing_at_any_width() {
    for (width, height) in [(400, 800), (768, 1024), (900, 700), (1024, 768), (1280, 800), (1500, 1000), (2000, 1200)] {
        let Some((mut browser, folder)) = opened(width, "light") else { return };
        let at = format!("at {width}");
        browser.look(width, height, "light", "screen");
        browser.settle();
        let is_seen =
            |browser: &mut Browser, selector: &str| browser.ask(&format!("({SEEN})({})", serde_json::json!(selector)));
        let header = "JSON.stringify(document.querySelector('header').getBoundingClientRect())";
        let size = "document.querySelector('.node[data-part=kafka]').getBoundingClientRect().width";
        let before = (browser.ask(header), browser.ask(size));
        for (part, title) in [("kafka", "Kafka"), ("simulator", "Simulator"), ("postgres", "PostgreSQL")] {
            browser.click(&format!(".node[data-part={part}] .body"));
            browser.settle();
            assert_eq!(browser.ask("document.querySelector('#about section:target h2').textContent"), title, "{at}");
            for selector in [
                "#about section:target h2",
                "#about section:target .close",
                &format!(".node[data-part={part}]"),
                "#search",
                "#theme",
            ] {
                assert_eq!(is_seen(&mut browser, selector), true, "{selector} {at}");
            }
            let panel = "(() => { const p = document.querySelector('#about section:target').getBoundingClientRect(); \
                         const h = document.querySelector('header').getBoundingClientRect(); \
                         const c = document.querySelector('#canvas').getBoundingClientRect(); \
                         return p.top >= h.bottom - 1 && p.bottom <= innerHeight + 1 && p.left >= -1 && p.right <= innerWidth + 1 \
                         && (c.right <= p.left + 1 || c.bottom <= p.top + 1) && c.width > 200 && c.height > 150 })()";
            assert_eq!(browser.ask(panel), true, "the panel {at}");
            assert_eq!((browser.ask(header), browser.ask(size)), before, "something moved {at}");
            assert_eq!(browser.ask("[scrollX, scrollY].join()"), "0,0", "the page scrolled {at}");
        }
        keep(&format!("panel-{width}.png"), &browser.screenshot());
        // Content behind the edge of panel and picture is reachable by scrolling, to the last line and the last part.
        browser.ask("{ const p = document.querySelector('#about section:target'); p.scrollTop = p.scrollHeight }");
        assert_eq!(is_seen(&mut browser, "#about section:target li:last-child"), true, "the last line {at}");
        assert_eq!(is_seen(&mut browser, "#about section:target .close"), true, "the way out {at}");
        browser.ask("{ const c = document.querySelector('#canvas'); c.scrollTo(c.scrollWidth, c.scrollHeight) }");
        let edge = "(() => { const s = document.querySelector('.platform').getBoundingClientRect(); \
                    const c = document.querySelector('#canvas').getBoundingClientRect(); \
                    return s.right <= c.right + 1 && s.bottom <= c.bottom + 1 })()";
        assert_eq!(browser.ask(edge), true, "the end of the picture {at}");
        // An address with a part in its fragment opens the page with the panel in the same place.
        let hash = browser.ask("location.hash");
        browser.open_at(&folder.path().join("platform.html"), hash.as_str().unwrap());
        browser.settle();
        for selector in ["#about section:target h2", ".node[data-part=postgres]", "#search"] {
            assert_eq!(is_seen(&mut browser, selector), true, "{selector} of an address {at}");
        }
        assert!(browser.faults.is_empty(), "{:#?}", browser.faults);
    }
}

#[test]
fn the_button_turns_light_to_dark_and_back() {
    let Some((mut browser, _folder)) = opened(1400, "light") else { return };
    let ground = "getComputedStyle(document.querySelector('.ground')).fill";
    browser.click("#theme");
    assert_eq!(browser.ask(ground), "rgb(18, 23, 31)");
    assert_eq!(browser.ask("document.querySelector('#theme').textContent"), "Light");
    browser.click("#theme");
    assert_eq!(browser.ask(ground), "rgb(255, 255, 255)");
    assert!(browser.faults.is_empty(), "{:#?}", browser.faults);
}

#[test]
fn search_finds_by_part_by_kind_and_by_name() {
    let Some((mut browser, _folder)) = opened(1400, "light") else { return };
    let matches = "[...document.querySelectorAll('.node.match')].map((node) => node.dataset.part)";
    let plans: Value = serde_json::from_str(&preview("json", &[APPLICATION], "")).unwrap();
    let resources = plans["claims"].as_array().unwrap().iter().flat_map(|claim| claim["resources"].as_array().unwrap());
    let policies = resources.filter(|resource| {
        resource.pointer("/composed/spec/forProvider/manifest/kind").is_some_and(|kind| kind == "NetworkPolicy")
    });
    let policies: Vec<Value> = policies.map(|resource| resource["part"].clone()).collect();
    assert!(policies.len() > 5, "{policies:?}");
    for (words, mut found) in
        [("networkpolicy", policies), ("lenses hq job", vec![]), ("mosquitto-data", vec![Value::from("broker")])]
    {
        browser.ask("document.querySelector('#search').value = ''");
        browser.click("#search");
        browser.write(words);
        let mut shown: Vec<Value> = browser.ask(matches).as_array().unwrap().clone();
        shown.sort_by_key(Value::to_string);
        found.sort_by_key(Value::to_string);
        assert_eq!(shown, found, "{words}");
        assert_eq!(browser.ask("document.querySelector('#found').textContent"), format!("{} found", found.len()));
    }
    let dim = browser.ask("getComputedStyle(document.querySelector('.node[data-part=kafka]')).opacity");
    assert!(dim.as_str().unwrap().parse::<f64>().unwrap() < 0.5, "what is not found stays as it is: {dim}");
    keep("search.png", &browser.screenshot());
    // The first match opens.
    browser.press("Enter", 13);
    assert_eq!(browser.ask("document.querySelector('#about section:target h2').textContent"), "Broker");
    assert!(browser.faults.is_empty(), "{:#?}", browser.faults);
}

#[test]
fn a_click_on_a_part_shows_its_manifests_and_escape_leaves_them() {
    let Some((mut browser, _folder)) = opened(1400, "light") else { return };
    browser.click(".node[data-part=kafka] .body");
    assert_eq!(browser.ask("document.querySelector('#about section:target h2').textContent"), "Kafka");
    let summaries = browser.ask("[...document.querySelectorAll('section:target summary')].map((it) => it.textContent)");
    assert_eq!(
        summaries,
        serde_json::json!([
            "PersistentVolumeClaim kafka-data-pvc",
            "Deployment kafka-platform",
            "Service kafka-service"
        ])
    );
    browser.click("section:target details:nth-of-type(2) summary");
    let manifest = browser.ask("document.querySelector('section:target details[open] pre').textContent");
    let manifest: Value = serde_yaml::from_str(manifest.as_str().unwrap()).unwrap();
    assert_eq!((&manifest["kind"], &manifest["metadata"]["name"]), (&"Deployment".into(), &"kafka-platform".into()));
    keep("manifest.png", &browser.screenshot());
    browser.press("Escape", 27);
    assert_eq!(browser.ask("document.querySelector('#about section:target')"), Value::Null);
    assert_eq!(browser.ask("document.activeElement.dataset.part"), "kafka");
    assert!(browser.faults.is_empty(), "{:#?}", browser.faults);
}

#[test]
fn the_keyboard_reaches_every_part() {
    let Some((mut browser, _folder)) = opened(1400, "light") else { return };
    let count = browser.ask("document.querySelectorAll('a.node').length").as_u64().unwrap();
    let mut reached = std::collections::BTreeSet::new();
    for _ in 0..count + 20 {
        browser.call(
            "Input.dispatchKeyEvent",
            &serde_json::json!({"type": "rawKeyDown", "key": "Tab", "code": "Tab", "windowsVirtualKeyCode": 9}),
        );
        reached.extend(browser.ask("document.activeElement.dataset.id ?? null").as_str().map(str::to_owned));
    }
    assert_eq!(reached.len() as u64, count);
}

#[test]
fn layers_come_and_go() {
    let Some((mut browser, _folder)) = opened(1400, "light") else { return };
    let seen = |browser: &mut Browser, layer: &str| {
        let visible =
            format!("getComputedStyle(document.querySelector('.arrow.{layer}[data-from]')).display !== 'none'");
        browser.ask(&visible) == true
    };
    for (layer, at_first) in
        [("data", true), ("routes", true), ("calls", true), ("secrets", false), ("admits", false), ("order", false)]
    {
        assert_eq!(seen(&mut browser, layer), at_first, "{layer}");
        browser.click(&format!("input[value={layer}]"));
        assert_eq!(seen(&mut browser, layer), !at_first, "{layer}");
        if layer == "order" {
            keep("order.png", &browser.screenshot());
        }
    }
}

#[test]
fn on_paper_there_is_the_picture_alone_and_in_light() {
    let Some((mut browser, _folder)) = opened(1400, "dark") else { return };
    browser.look(1400, 1000, "dark", "print");
    assert_eq!(browser.ask("getComputedStyle(document.querySelector('header')).display"), "none");
    assert_eq!(browser.ask("getComputedStyle(document.querySelector('.ground')).fill"), "rgb(255, 255, 255)");
    let paper = browser.pdf();
    assert!(paper.starts_with(b"%PDF"));
    let pages = paper.windows(12).filter(|bytes| bytes.starts_with(b"/Type /Page") && bytes[11] != b's').count();
    keep("print.pdf", &paper);
    keep("print.png", &browser.screenshot());
    assert_eq!(pages, 1);
}
