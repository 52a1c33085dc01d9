use sentry_types::protocol::v7::Frame;

/// What the user says about whose code it is; it wins over all rules.
#[derive(Clone, Debug, Default)]
pub(in crate::mapping) struct InApp {
    included: Vec<String>,
    excluded: Vec<String>,
}

impl InApp {
    pub(in crate::mapping) fn include(&mut self, prefixes: impl IntoIterator<Item = String>) {
        self.included.extend(prefixes.into_iter().filter_map(|prefix| normal(&prefix)));
    }

    pub(in crate::mapping) fn exclude(&mut self, prefixes: impl IntoIterator<Item = String>) {
        self.excluded.extend(prefixes.into_iter().filter_map(|prefix| normal(&prefix)));
    }

    /// Whether the frame is the application's, if the user said anything about it.
    pub(super) fn decision(&self, frame: &Frame) -> Option<bool> {
        if self.included.is_empty() && self.excluded.is_empty() {
            return None;
        }
        let names = [&frame.package, &frame.module, &frame.function, &frame.abs_path];
        let names: Vec<String> =
            names.into_iter().flatten().filter_map(|name| normal(name)).collect();
        let has = |prefixes: &[String]| {
            prefixes.iter().any(|prefix| names.iter().any(|name| is_below(name, prefix)))
        };
        match (has(&self.included), has(&self.excluded)) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            _ => None,
        }
    }
}

/// Packages are named with dashes where their symbols have underscores, and Windows has
/// backslashes in its paths.
fn normal(name: &str) -> Option<String> {
    let name = name.trim().replace('-', "_").replace('\\', "/");
    let name = name.strip_prefix("./").map(str::to_owned).unwrap_or(name);
    (!name.is_empty()).then_some(name)
}

/// Whether a name is that of the prefix or of something in it: `shop::cart`, but not `shopping`.
fn is_below(name: &str, prefix: &str) -> bool {
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
    name.strip_prefix(prefix)
        .is_some_and(|rest| !rest.starts_with(is_part) || !prefix.ends_with(is_part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_app(include: &[&str], exclude: &[&str], module: &str, path: &str) -> Option<bool> {
        let owned = |prefixes: &[&str]| -> Vec<String> {
            prefixes.iter().map(|&prefix| prefix.to_owned()).collect()
        };
        let mut lists = InApp::default();
        lists.include(owned(include));
        lists.exclude(owned(exclude));
        let frame =
            Frame { module: Some(module.into()), abs_path: Some(path.into()), ..Frame::default() };
        lists.decision(&frame)
    }

    #[test]
    fn a_prefix_is_that_of_a_module_or_path_and_ends_with_a_name() {
        let yes = [
            ("shop", "shop", ""),
            ("shop", "shop::cart", ""),
            ("my-shop", "my_shop::cart", ""),
            ("com.shop.", "com.shop.Cart", ""),
            ("shop::", "shop::cart", ""),
            ("/srv/shop", "", "/srv/shop/main.py"),
            ("src", "", "./src/main.rs"),
            ("C:\\shop", "", "C:/shop/main.rs"),
            ("App\\Cart", "App\\Cart::total", ""),
        ];
        for (prefix, module, path) in yes {
            assert_eq!(in_app(&[prefix], &[], module, path), Some(true), "{prefix}");
            assert_eq!(in_app(&[], &[prefix], module, path), Some(false), "{prefix}");
        }
        let no = [
            ("shop", "shopping::cart", "/srv/shop"),
            ("shop", "shop_core::cart", ""),
            ("cart", "shop::cart", ""),
            ("", "shop", ""),
            (" ", "shop", ""),
        ];
        for (prefix, module, path) in no {
            assert_eq!(in_app(&[prefix], &[prefix], module, path), None, "{prefix}");
        }
    }

    #[test]
    fn what_is_included_wins_over_what_is_excluded() {
        assert_eq!(in_app(&["shop::cart"], &["shop"], "shop::cart", ""), Some(true));
        assert_eq!(in_app(&["shop::cart"], &["shop"], "shop::list", ""), Some(false));
    }
}
