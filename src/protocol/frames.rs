use sentry_types::protocol::v7::{Frame, Stacktrace};
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::key::field;
use super::optional::optional;

/// A stack trace, which is most of an error.
pub(super) struct StacktraceJson<'a>(pub(super) &'a Stacktrace);

struct Frames<'a>(&'a [Frame]);

struct FrameJson<'a>(&'a Frame);

impl Serialize for StacktraceJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Stacktrace { frames, frames_omitted, registers } = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(&field!("frames"), &Frames(frames))?;
        optional(&mut map, field!("frames_omitted"), frames_omitted.as_ref())?;
        optional(&mut map, field!("registers"), Some(registers).filter(|it| !it.is_empty()))?;
        map.end()
    }
}

impl Serialize for Frames<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(FrameJson))
    }
}

impl Serialize for FrameJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Frame {
            function,
            symbol,
            module,
            package,
            filename,
            abs_path,
            lineno,
            colno,
            pre_context,
            context_line,
            post_context,
            in_app,
            vars,
            image_addr,
            instruction_addr,
            symbol_addr,
            addr_mode,
        } = self.0;
        let mut map = serializer.serialize_map(None)?;
        optional(&mut map, field!("function"), function.as_ref())?;
        optional(&mut map, field!("symbol"), symbol.as_ref())?;
        optional(&mut map, field!("module"), module.as_ref())?;
        optional(&mut map, field!("package"), package.as_ref())?;
        optional(&mut map, field!("filename"), filename.as_ref())?;
        optional(&mut map, field!("abs_path"), abs_path.as_ref())?;
        optional(&mut map, field!("lineno"), lineno.as_ref())?;
        optional(&mut map, field!("colno"), colno.as_ref())?;
        optional(&mut map, field!("pre_context"), Some(pre_context).filter(|it| !it.is_empty()))?;
        optional(&mut map, field!("context_line"), context_line.as_ref())?;
        optional(&mut map, field!("post_context"), Some(post_context).filter(|it| !it.is_empty()))?;
        optional(&mut map, field!("in_app"), in_app.as_ref())?;
        optional(&mut map, field!("vars"), Some(vars).filter(|it| !it.is_empty()))?;
        optional(&mut map, field!("image_addr"), image_addr.as_ref())?;
        optional(&mut map, field!("instruction_addr"), instruction_addr.as_ref())?;
        optional(&mut map, field!("symbol_addr"), symbol_addr.as_ref())?;
        optional(&mut map, field!("addr_mode"), addr_mode.as_ref())?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use sentry_types::protocol::v7::{Addr, RegVal};

    use super::*;
    use crate::protocol::json::to_json;

    fn is_written_as_its_type_is(stacktrace: &Stacktrace) -> usize {
        let json = to_json(&StacktraceJson(stacktrace)).unwrap();
        assert_eq!(String::from_utf8(json.clone()), Ok(serde_json::to_string(stacktrace).unwrap()));
        json.len()
    }

    #[test]
    fn a_stack_trace_is_written_as_its_type_is() {
        let frame = Frame {
            function: Some("shop::cart::total".into()),
            symbol: Some("_ZN4shop4cart5totalE".into()),
            module: Some("shop::cart".into()),
            package: Some("shop".into()),
            filename: Some("cart.rs".into()),
            abs_path: Some("/srv/\"shop\"/cart.rs".into()),
            lineno: Some(7),
            colno: Some(5),
            pre_context: vec!["fn total() {".into()],
            context_line: Some("\tsum()".into()),
            post_context: vec!["}".into(), String::new()],
            in_app: Some(false),
            vars: BTreeMap::from([("sum".into(), 1.5.into())]),
            image_addr: Some(Addr(0)),
            instruction_addr: Some(Addr(0xc0de)),
            symbol_addr: Some(Addr(u64::MAX)),
            addr_mode: Some("abs".into()),
        };
        let full = is_written_as_its_type_is(&Stacktrace {
            frames: vec![frame.clone(), Frame::default(), frame],
            frames_omitted: Some((1, 2)),
            registers: BTreeMap::from([("rip".into(), RegVal(0xc0de))]),
        });
        let empty = is_written_as_its_type_is(&Stacktrace::default());
        assert!(full > empty);
    }
}
