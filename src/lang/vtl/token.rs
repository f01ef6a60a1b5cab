//! What the tokens of a template are.

use std::ops::Range;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    End,
    // References.
    IndexOpen,
    IndexClose,
    Identifier,
    Dot,
    CurlyOpen,
    CurlyClose,
    MethodClose,
    EmptyIndex,
    // Arguments and expressions.
    BracketOpen,
    BracketClose,
    Comma,
    DoubleDot,
    Colon,
    MapOpen,
    MapClose,
    ParenOpen,
    ParenClose,
    Blank,
    Quoted,
    True,
    False,
    Integer,
    Float,
    Minus,
    Plus,
    Times,
    Divide,
    Modulo,
    And,
    Or,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
    Not,
    Assign,
    // Directives.
    EscapedDirective,
    Set,
    EndDirective,
    If,
    ElseIf,
    Else,
    Word,
    BracedWord,
    // Text.
    LineComment,
    LineCommentEnd,
    BlockComment,
    RawText,
    DoubleEscape,
    Escape,
    Text,
    /// Never reaches the parser: what begins another token.
    More,
    /// Never reaches the parser: what ended a reference or was no directive.
    Terminator,
    /// Never reaches the parser: a character of a comment.
    Skip,
}

#[derive(Clone, Debug)]
pub struct Token {
    pub kind: Kind,
    /// Where it is in the template.
    pub range: Range<usize>,
    /// Terminators before it. Their `$`, `#` and backslashes are text.
    pub special: Vec<Range<usize>>,
}
