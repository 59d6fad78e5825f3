//! The page's files, embedded. They stand in `page/` as they are served.

use http::HeaderValue;

/// One file of the page.
#[derive(Debug, Clone)]
pub(super) struct Asset {
    path: &'static str,
    /// What it is.
    pub(super) content_type: &'static str,
    /// It.
    pub(super) content: &'static str,
    /// Changes when it does.
    pub(super) etag: HeaderValue,
}

const FILES: [(&str, &str, &str); 4] = [
    ("/", "text/html; charset=utf-8", include_str!("page/index.html")),
    ("/page.css", "text/css; charset=utf-8", include_str!("page/style.css")),
    ("/page.js", "text/javascript; charset=utf-8", include_str!("page/script.js")),
    ("/icon.svg", "image/svg+xml", include_str!("page/icon.svg")),
];

/// All of them.
#[derive(Debug)]
pub(super) struct Assets([Asset; FILES.len()]);

impl Assets {
    pub(super) fn new() -> Self {
        Self(FILES.map(|(path, content_type, content)| {
            let tag = format!("\"{:08x}-{:x}\"", crc32fast::hash(content.as_bytes()), content.len());
            let etag = HeaderValue::try_from(tag).unwrap_or(HeaderValue::from_static("\"\""));
            Asset { path, content_type, content, etag }
        }))
    }

    /// The one at a path.
    pub(super) fn at(&self, path: &str) -> Option<&Asset> {
        self.0.iter().find(|asset| asset.path == path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_asks_for_nothing_that_is_not_embedded() {
        let assets = Assets::new();
        let page = assets.at("/").expect("the page").content;
        let asked: Vec<&str> = ["href=\"", "src=\""]
            .iter()
            .flat_map(|key| page.split(key).skip(1).filter_map(|rest| rest.split('"').next()))
            .filter(|link| !link.starts_with('#'))
            .collect();
        assert!(asked.contains(&"/page.js") && asked.contains(&"/page.css"), "{asked:?}");
        let known = |link: &&str| assets.at(link).is_none() && !["/status.json", "/metrics"].contains(link);
        assert_eq!(asked.into_iter().find(known), None);
    }

    #[test]
    fn the_page_is_small_and_has_no_code_in_its_text() {
        let assets = Assets::new();
        let bytes: usize = assets.0.iter().map(|asset| asset.content.len()).sum();
        assert!(bytes < 63 << 10, "{bytes} bytes");
        let page = assets.at("/").expect("the page").content;
        assert!(!page.contains("<style") && !page.contains(" style=") && !page.contains(" on"), "CSP forbids them");
        let script = assets.at("/page.js").expect("the script").content;
        for way in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"] {
            assert!(!script.contains(way), "{way} takes text for code");
        }
    }
}
