//! The tokens of each lexical state, in Velocity's order.

use super::token::Kind;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Plain,
    Reference,
    Modifier,
    Index,
    Arguments,
    Hash,
    Directive,
    Raw,
    BlockComment,
    FormalComment,
    LineComment,
}

/// One pattern of a state. The order of a state's rules decides between tokens of one length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    IndexOpen,
    IndexClose,
    Sign(&'static str, Kind),
    ParenOpen,
    ParenClose,
    MethodClose,
    EscapedDirective,
    Set,
    Dollar,
    DollarBang,
    RawOpen,
    FormalOpen,
    BlockOpen,
    Hash,
    LineComment,
    DoubleEscape,
    Escape,
    Text,
    LineCommentEnd,
    CommentClose,
    RawClose,
    SkipOne,
    RawOne,
    Blank,
    Quoted,
    EndDirective,
    If,
    ElseIf,
    Else,
    Integer,
    Float,
    Word,
    BracedWord,
    Identifier,
    Dot,
    CurlyOpen,
    CurlyClose,
    Terminator,
    EmptyIndex,
}

use Rule::Sign;

/// What stands in arguments.
const BRACKETS: &[Rule] = &[
    Sign("[", Kind::BracketOpen),
    Sign("]", Kind::BracketClose),
    Sign(",", Kind::Comma),
    Sign("..", Kind::DoubleDot),
    Sign(":", Kind::Colon),
    Sign("{", Kind::MapOpen),
    Sign("}", Kind::MapClose),
];

/// What may begin anywhere, even in comments.
const ANYWHERE: &[Rule] = &[
    Rule::Dollar,
    Rule::DollarBang,
    Rule::RawOpen,
    Rule::FormalOpen,
    Rule::BlockOpen,
    Rule::Hash,
    Rule::LineComment,
];

const BUT_LINE_COMMENTS: &[Rule] = ANYWHERE.split_at(ANYWHERE.len() - 1).0;

const LITERALS: &[Rule] = &[
    Rule::Blank,
    Rule::Quoted,
    Sign("true", Kind::True),
    Sign("false", Kind::False),
    Rule::Integer,
    Rule::Float,
];

const REFERENCE: &[Rule] = &[
    Sign("true", Kind::True),
    Sign("false", Kind::False),
    Rule::Identifier,
    Rule::Dot,
    Rule::CurlyOpen,
    Rule::CurlyClose,
    Rule::Terminator,
];

const OPERATORS: &[Rule] = &[
    Sign("-", Kind::Minus),
    Sign("+", Kind::Plus),
    Sign("*", Kind::Times),
    Sign("/", Kind::Divide),
    Sign("%", Kind::Modulo),
    Sign("&&", Kind::And),
    Sign("and", Kind::And),
    Sign("||", Kind::Or),
    Sign("or", Kind::Or),
    Sign("<", Kind::Less),
    Sign("lt", Kind::Less),
    Sign("<=", Kind::LessOrEqual),
    Sign("le", Kind::LessOrEqual),
    Sign(">", Kind::Greater),
    Sign("gt", Kind::Greater),
    Sign(">=", Kind::GreaterOrEqual),
    Sign("ge", Kind::GreaterOrEqual),
    Sign("==", Kind::Equal),
    Sign("eq", Kind::Equal),
    Sign("!=", Kind::NotEqual),
    Sign("ne", Kind::NotEqual),
    Sign("!", Kind::Not),
    Sign("not", Kind::Not),
    Sign("=", Kind::Assign),
    Rule::Word,
    Rule::BracedWord,
];

const HASH: &[Rule] = &[
    Rule::EndDirective,
    Rule::If,
    Rule::ElseIf,
    Rule::Else,
    Rule::Integer,
    Rule::Float,
    Rule::Word,
    Rule::BracedWord,
    Rule::Terminator,
];

const TEXT: &[Rule] = &[
    Rule::DoubleEscape,
    Rule::Escape,
    Rule::Text,
    Rule::EmptyIndex,
];

/// The rules of a state, in Velocity's order.
pub fn rules(state: State) -> [&'static [Rule]; 5] {
    match state {
        State::Plain => [
            &[Rule::EscapedDirective, Rule::Set],
            ANYWHERE,
            TEXT,
            &[],
            &[],
        ],
        State::Reference => [
            &[Rule::IndexOpen, Rule::Set],
            ANYWHERE,
            REFERENCE,
            &[Rule::EmptyIndex],
            &[],
        ],
        // Behind a property, in its arguments and in a comment `##` begins none.
        State::Modifier => [
            &[Rule::IndexOpen, Rule::ParenOpen, Rule::Set],
            BUT_LINE_COMMENTS,
            REFERENCE,
            &[],
            &[],
        ],
        State::Index => [&[Rule::IndexClose], BUT_LINE_COMMENTS, LITERALS, &[], &[]],
        State::Arguments => [
            &[Rule::MethodClose, Rule::Set],
            BUT_LINE_COMMENTS,
            BRACKETS,
            LITERALS,
            &[Rule::Identifier, Rule::Dot],
        ],
        State::Hash => [&[], ANYWHERE, HASH, &[], &[]],
        State::Directive => [
            &[Rule::ParenOpen, Rule::ParenClose],
            ANYWHERE,
            BRACKETS,
            LITERALS,
            OPERATORS,
        ],
        State::Raw => [
            &[],
            BUT_LINE_COMMENTS,
            &[Rule::RawClose, Rule::RawOne],
            &[],
            &[],
        ],
        State::BlockComment | State::FormalComment => [
            &[],
            BUT_LINE_COMMENTS,
            &[Rule::CommentClose, Rule::SkipOne],
            &[],
            &[],
        ],
        State::LineComment => [
            &[],
            BUT_LINE_COMMENTS,
            &[Rule::LineCommentEnd, Rule::SkipOne],
            &[],
            &[],
        ],
    }
}

impl Rule {
    pub fn kind(self) -> Kind {
        match self {
            Self::Sign(_, kind) => kind,
            Self::IndexOpen => Kind::IndexOpen,
            Self::IndexClose => Kind::IndexClose,
            Self::ParenOpen => Kind::ParenOpen,
            Self::ParenClose => Kind::ParenClose,
            Self::MethodClose => Kind::MethodClose,
            Self::EscapedDirective => Kind::EscapedDirective,
            Self::Set => Kind::Set,
            Self::LineComment => Kind::LineComment,
            Self::DoubleEscape => Kind::DoubleEscape,
            Self::Escape => Kind::Escape,
            Self::Text => Kind::Text,
            Self::LineCommentEnd => Kind::LineCommentEnd,
            Self::CommentClose => Kind::BlockComment,
            Self::RawClose => Kind::RawText,
            Self::SkipOne => Kind::Skip,
            Self::Blank => Kind::Blank,
            Self::Quoted => Kind::Quoted,
            Self::EndDirective => Kind::EndDirective,
            Self::If => Kind::If,
            Self::ElseIf => Kind::ElseIf,
            Self::Else => Kind::Else,
            Self::Integer => Kind::Integer,
            Self::Float => Kind::Float,
            Self::Word => Kind::Word,
            Self::BracedWord => Kind::BracedWord,
            Self::Identifier => Kind::Identifier,
            Self::Dot => Kind::Dot,
            Self::CurlyOpen => Kind::CurlyOpen,
            Self::CurlyClose => Kind::CurlyClose,
            Self::Terminator => Kind::Terminator,
            Self::EmptyIndex => Kind::EmptyIndex,
            Self::Dollar
            | Self::DollarBang
            | Self::RawOpen
            | Self::FormalOpen
            | Self::BlockOpen
            | Self::Hash
            | Self::RawOne => Kind::More,
        }
    }

    /// How many bytes it takes at the beginning of `text`; 0 when it does not match.
    pub fn length(self, text: &str, bytes: &[u8]) -> usize {
        use super::scan;
        match self {
            Self::Sign(sign, _) => scan::literal(bytes, sign),
            Self::IndexOpen => scan::literal(bytes, "["),
            Self::IndexClose => scan::literal(bytes, "]"),
            Self::ParenOpen => scan::literal(bytes, "("),
            Self::MethodClose => scan::literal(bytes, ")"),
            Self::ParenClose => scan::with_line_end(bytes, scan::literal(bytes, ")")),
            Self::EscapedDirective => scan::escaped_directive(bytes),
            Self::Set => scan::set(bytes),
            Self::Dollar => scan::dollar(bytes),
            Self::DollarBang => scan::dollar_bang(bytes),
            Self::RawOpen => scan::literal(bytes, "#[["),
            Self::FormalOpen => scan::formal_comment(text),
            Self::BlockOpen => scan::literal(bytes, "#*"),
            Self::Hash => scan::literal(bytes, "#"),
            Self::LineComment => scan::literal(bytes, "##"),
            Self::DoubleEscape => scan::literal(bytes, "\\\\"),
            Self::Escape => scan::literal(bytes, "\\"),
            Self::Text => scan::text(bytes),
            Self::LineCommentEnd => scan::line_end(bytes),
            Self::CommentClose => scan::literal(bytes, "*#"),
            Self::RawClose => scan::literal(bytes, "]]#"),
            Self::SkipOne | Self::RawOne | Self::Terminator => {
                text.chars().next().map_or(0, char::len_utf8)
            }
            Self::Blank => scan::run(bytes, |byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')),
            Self::Quoted => scan::quoted(bytes),
            Self::EndDirective => scan::word_with_line_end(bytes, "end"),
            Self::Else => scan::word_with_line_end(bytes, "else"),
            Self::If => scan::word(bytes, "if"),
            Self::ElseIf => scan::word(bytes, "elseif"),
            Self::Integer => scan::integer(bytes),
            Self::Float => scan::float(bytes),
            Self::Word => scan::name(bytes, true),
            Self::BracedWord => scan::braced_name(bytes),
            Self::Identifier => scan::identifier(bytes),
            Self::Dot => scan::dot(bytes),
            Self::CurlyOpen => scan::literal(bytes, "{"),
            Self::CurlyClose => scan::literal(bytes, "}"),
            Self::EmptyIndex => ["$[", "$![", "$\\![", "$."]
                .iter()
                .map(|sign| scan::literal(bytes, sign))
                .max()
                .unwrap_or(0),
        }
    }
}
