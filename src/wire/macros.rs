//! `message!`: a message is declared once; struct, reader, writer, defaults and schema follow.

/// Declares a message and the structs inside it.
///
/// ```text
/// message! {
///     /// What it is for.
///     ProduceRequest<'a>: key 0, versions 3..=13, flexible 9;
///     struct ProduceRequest<'a> {
///         transactional_id: Option<Str<'a>> [3.., null 3..],
///         acks: i16 [0..],
///         name: Str<'a> [0..=12],
///         node_endpoints: Vec<NodeEndpoint<'a>> [10.., tag 0],
///         log_start_offset: i64 [5.., default -1],
///     }
///     struct NodeEndpoint<'a> { … }
/// }
/// ```
///
/// Field names are Kafka's in snake case; a lifetime is always called `'a`. A field outside the version in hand keeps
/// its default; a tagged field is written only where it differs from its default. `flexible none` for keys that have no
/// flexible version.
#[macro_export]
macro_rules! message {
    (
        $(#[$doc:meta])*
        $top:ident $(<$toplt:lifetime>)? : key $key:literal, versions $versions:expr, flexible $flexible:tt;
        $( $(#[$sdoc:meta])* struct $name:ident $(<$lt:lifetime>)? { $($body:tt)* } )*
    ) => {
        impl<'a> $crate::wire::Message<'a> for $top $(<$toplt>)? {
            const NAME: &'static str = stringify!($top);
            const KEY: i16 = $key;
            const VERSIONS: (i16, i16) = $crate::wire::ends($versions);
            const FLEXIBLE_FROM: i16 = $crate::message!(@flexible $flexible);
        }
        $( $crate::message!(@struct [$(#[$sdoc])*] $name [$($lt)?] { $($body)* }); )*
    };

    (@flexible none) => { i16::MAX };
    (@flexible $v:literal) => { $v };

    (@struct [$(#[$sdoc:meta])*] $name:ident [$($lt:lifetime)?] {
        $( $(#[$fdoc:meta])* $field:ident : $ty:ty [
            $has:expr $(, null $null:expr)? $(, tag $tag:literal)? $(, default $default:expr)?
        ] ),* $(,)?
    }) => {
        $(#[$sdoc])*
        #[allow(missing_docs)] // the fields' meanings are Kafka's; the schema test holds names and types to it
        #[derive(Clone, Debug, PartialEq)]
        pub struct $name $(<$lt>)? { $( $(#[$fdoc])* pub $field: $ty, )* }

        impl $(<$lt>)? Default for $name $(<$lt>)? {
            fn default() -> Self {
                $name { $( $field: $crate::message!(@default $ty $(, $default)?), )* }
            }
        }

        impl<'a> $crate::wire::Field<'a> for $name $(<$lt>)? {
            const INNER: Option<&'static $crate::wire::StructInfo> = Some(&$crate::wire::StructInfo {
                name: stringify!($name),
                fields: || vec![ $( $crate::wire::FieldInfo {
                    name: stringify!($field),
                    ty: stringify!($ty),
                    versions: $crate::wire::Versions::bounds(&($has)),
                    nullable: $crate::message!(@bounds $($null)?),
                    tag: $crate::message!(@option $($tag)?),
                    default: $crate::message!(@option $(stringify!($default))?),
                    inner: <$ty as $crate::wire::Field>::INNER,
                }, )* ],
            });

            #[allow(unused_mut, unused_variables, clippy::redundant_closure_call)]
            fn decode(r: &mut $crate::wire::Reader<'a>, cx: $crate::wire::Cx) -> Result<Self, $crate::wire::WireError> {
                let mut value = Self::default();
                $( $crate::message!(@decode value, r, cx, $name, $field, $ty, $has, [$($null)?], [$($tag)?]); )*
                if cx.flexible {
                    let mut last = None;
                    for _ in 0..r.uvarint()? {
                        let tag = r.uvarint()?;
                        if last.is_some_and(|last| tag <= last) {
                            return Err($crate::wire::WireError::BadTag(tag));
                        }
                        last = Some(tag);
                        let len = r.uvarint()? as usize;
                        let bytes = r.take(len)?;
                        $( $crate::message!(@decode_tag value, bytes, cx, tag, $name, $field, $ty, $has, [$($null)?], [$($tag)?]); )*
                    }
                }
                Ok(value)
            }

            #[allow(unused_variables, unused_mut)]
            fn encode(&self, w: &mut $crate::wire::Writer, cx: $crate::wire::Cx) {
                $( $crate::message!(@encode self, w, cx, $field, $has, [$($tag)?]); )*
                if cx.flexible {
                    let mut tagged: Vec<(u32, Vec<u8>)> = Vec::new();
                    $( $crate::message!(@encode_tag self, tagged, cx, $field, $ty, $has, [$($tag)?], [$($default)?]); )*
                    tagged.sort_by_key(|(tag, _)| *tag);
                    w.uvarint(tagged.len() as u32);
                    for (tag, bytes) in &tagged {
                        w.uvarint(*tag);
                        w.uvarint(bytes.len() as u32);
                        w.put(bytes);
                    }
                }
            }
        }

        impl<'a> $crate::wire::Field<'a> for Option<$name $(<$lt>)?> {
            const INNER: Option<&'static $crate::wire::StructInfo> = <$name as $crate::wire::Field>::INNER;

            fn decode(r: &mut $crate::wire::Reader<'a>, cx: $crate::wire::Cx) -> Result<Self, $crate::wire::WireError> {
                match r.i8()? {
                    -1 => Ok(None),
                    _ => Ok(Some($crate::wire::Field::decode(r, cx)?)),
                }
            }
            fn encode(&self, w: &mut $crate::wire::Writer, cx: $crate::wire::Cx) {
                match self {
                    None => w.i8(-1),
                    Some(value) => {
                        w.i8(1);
                        value.encode(w, cx);
                    }
                }
            }
            /// Here Kafka's mark is 0 or 1; elsewhere it is -1 or 1.
            fn decode_tagged(
                r: &mut $crate::wire::Reader<'a>,
                cx: $crate::wire::Cx,
            ) -> Result<Self, $crate::wire::WireError> {
                match r.uvarint()? {
                    0 => Ok(None),
                    _ => Ok(Some($crate::wire::Field::decode(r, cx)?)),
                }
            }
            fn encode_tagged(&self, w: &mut $crate::wire::Writer, cx: $crate::wire::Cx) {
                w.uvarint(u32::from(self.is_some()));
                if let Some(value) = self {
                    value.encode(w, cx);
                }
            }
            fn is_null(&self) -> bool {
                self.is_none()
            }
        }
    };

    (@default $ty:ty) => { <$ty as Default>::default() };
    (@default $ty:ty, $default:expr) => { $default };

    (@bounds) => { None };
    (@bounds $null:expr) => { Some($crate::wire::Versions::bounds(&($null))) };

    (@option) => { None };
    (@option $value:expr) => { Some($value) };

    (@null $value:expr, $cx:ident, $name:ident, $field:ident, []) => {};
    (@null $value:expr, $cx:ident, $name:ident, $field:ident, [$null:expr]) => {
        if $crate::wire::Field::is_null(&$value) && !$crate::wire::Versions::has(&($null), $cx.version) {
            return Err($crate::wire::WireError::UnexpectedNull(concat!(stringify!($name), ".", stringify!($field))));
        }
    };

    (@decode $v:ident, $r:ident, $cx:ident, $name:ident, $field:ident, $ty:ty, $has:expr, [$($null:expr)?], []) => {
        if $crate::wire::Versions::has(&($has), $cx.version) {
            $v.$field = $crate::wire::Field::decode($r, $cx)?;
            $crate::message!(@null $v.$field, $cx, $name, $field, [$($null)?]);
        }
    };
    (@decode $v:ident, $r:ident, $cx:ident, $name:ident, $field:ident, $ty:ty, $has:expr, [$($null:expr)?], [$tag:literal]) => {};

    (@decode_tag $v:ident, $bytes:ident, $cx:ident, $t:ident, $name:ident, $field:ident, $ty:ty, $has:expr, [$($null:expr)?], []) => {};
    (@decode_tag $v:ident, $bytes:ident, $cx:ident, $t:ident, $name:ident, $field:ident, $ty:ty, $has:expr, [$($null:expr)?], [$tag:literal]) => {
        if $t == $tag && $crate::wire::Versions::has(&($has), $cx.version) {
            let mut inner = $crate::wire::Reader::new($bytes);
            $v.$field = $crate::wire::Field::decode_tagged(&mut inner, $cx)?;
            inner.finish()?;
            $crate::message!(@null $v.$field, $cx, $name, $field, [$($null)?]);
        }
    };

    (@encode $self:ident, $w:ident, $cx:ident, $field:ident, $has:expr, []) => {
        if $crate::wire::Versions::has(&($has), $cx.version) {
            $crate::wire::Field::encode(&$self.$field, $w, $cx);
        }
    };
    (@encode $self:ident, $w:ident, $cx:ident, $field:ident, $has:expr, [$tag:literal]) => {};

    (@encode_tag $self:ident, $tagged:ident, $cx:ident, $field:ident, $ty:ty, $has:expr, [], [$($default:expr)?]) => {};
    (@encode_tag $self:ident, $tagged:ident, $cx:ident, $field:ident, $ty:ty, $has:expr, [$tag:literal], [$($default:expr)?]) => {
        if $crate::wire::Versions::has(&($has), $cx.version) {
            let default: $ty = $crate::message!(@default $ty $(, $default)?);
            if $self.$field != default {
                let mut inner = $crate::wire::Writer::new();
                $crate::wire::Field::encode_tagged(&$self.$field, &mut inner, $cx);
                $tagged.push(($tag, inner.into_bytes()));
            }
        }
    };
}
