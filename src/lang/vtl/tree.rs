//! A parsed template.

use std::ops::Range;

use super::uses::Uses;
use crate::lang::jsonpath::Path;
use crate::lang::pattern::Pattern;
use crate::lang::value::Operation;

#[derive(Clone, Debug, Default)]
pub struct Block {
    pub nodes: Vec<Node>,
    /// What running its nodes takes, beside what is in them: all is paid for at its beginning.
    pub steps: usize,
}

impl Block {
    pub fn push(&mut self, node: Node) {
        self.steps += match &node {
            Node::Member(member) if member.property.is_some() => 2,
            _ => 1,
        };
        self.nodes.push(node);
    }

    /// Joins texts and plain references that stand beside each other to rows.
    pub fn joined(mut self) -> Self {
        for node in std::mem::take(&mut self.nodes) {
            match (self.nodes.last_mut(), node) {
                (Some(Node::Row(pieces)), Node::Member(member)) => pieces.push(Piece {
                    before: Box::default(),
                    member: Some(member),
                }),
                (Some(Node::Row(pieces)), Node::Text(text)) => pieces.push(Piece {
                    before: text,
                    member: None,
                }),
                (Some(Node::Text(text)), Node::Member(member)) => {
                    let before = std::mem::take(text);
                    self.nodes.pop();
                    self.nodes.push(Node::Row(vec![Piece {
                        before,
                        member: Some(member),
                    }]));
                }
                (_, Node::Member(member)) => self.nodes.push(Node::Row(vec![Piece {
                    before: Box::default(),
                    member: Some(member),
                }])),
                (_, node) => self.nodes.push(node),
            }
        }
        for node in &mut self.nodes {
            if let Node::Row(pieces) = node {
                join_texts(pieces);
            }
        }
        self
    }
}

/// A text goes to the reference behind it.
fn join_texts(pieces: &mut Vec<Piece>) {
    for piece in std::mem::take(pieces) {
        match pieces.last_mut() {
            Some(last) if last.member.is_none() && piece.before.is_empty() => {
                last.member = piece.member;
            }
            _ => pieces.push(piece),
        }
    }
}

// Without a tag of its own each look at a node would have to work out which one it is.
#[derive(Clone, Debug)]
#[repr(u8)]
pub enum Node {
    Text(Box<str>),
    /// A plain reference to a variable or a member of one, until a whole block is there.
    Member(Box<Member>),
    Row(Vec<Piece>),
    Reference(Reference),
    Set {
        target: Reference,
        value: Expression,
    },
    If {
        /// `#if` and each `#elseif`.
        branches: Vec<(Expression, Block)>,
        otherwise: Option<Block>,
    },
    Foreach(Box<Foreach>),
    /// `#define`: the variable and which of [`Tree::blocks`].
    Define {
        slot: usize,
        block: u32,
    },
    /// `#break`, `#break($foreach)`
    Break(Option<Expression>),
    /// `#stop`
    Stop,
    /// A directive that is known and cannot work here.
    Fail(&'static str),
}

/// A text and the plain reference behind it, if there is one.
#[derive(Clone, Debug)]
pub struct Piece {
    pub before: Box<str>,
    pub member: Option<Box<Member>>,
}

/// A reference, and what has to be looked at first: mostly that is all.
#[derive(Clone, Debug)]
pub struct Member {
    pub slot: usize,
    pub property: Option<Property>,
    pub reference: Reference,
}

#[derive(Clone, Debug)]
pub struct Foreach {
    pub slot: usize,
    pub list: Expression,
    pub body: Block,
}

#[derive(Clone, Debug)]
pub struct Reference {
    /// The variable at its beginning.
    pub slot: usize,
    pub steps: Vec<Step>,
    /// Where it is in the template, for messages and traces.
    pub at: usize,
    /// What it looks like, without what was before it.
    pub literal: Box<str>,
    /// Text that got caught before the `$`, like the `#` of `#$x`.
    pub prefix: Box<str>,
    pub kind: ReferenceKind,
    /// Whether it is a plain one with nothing before it and one property: `$item.name`.
    pub is_simple: bool,
}

impl From<Reference> for Node {
    fn from(reference: Reference) -> Self {
        let property = match &reference.steps[..] {
            [] => None,
            [Step::Property(property)] => Some(property.clone()),
            _ => return Self::Reference(reference),
        };
        if reference.kind != ReferenceKind::Plain || !reference.prefix.is_empty() {
            return Self::Reference(reference);
        }
        Self::Member(Box::new(Member {
            slot: reference.slot,
            property,
            reference,
        }))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReferenceKind {
    /// Gives its value.
    Plain,
    /// `\$x`: prints as `$x`.
    Escaped,
    /// Only looks like a reference; prints its literal, has no value.
    Text,
}

#[derive(Clone, Debug)]
#[repr(u8)]
pub enum Step {
    /// `.name`
    Property(Property),
    /// `.name(…)`
    Method(Box<str>, Vec<Expression>),
    /// `.path('…')` and `.json('…')` with a path that is known: for `$input` it is compiled.
    Path(Box<KnownPath>),
    /// `[…]`
    Index(Expression),
}

#[derive(Clone, Debug)]
pub struct Property {
    pub name: Box<str>,
    /// Its number among all properties of the template.
    pub number: usize,
    /// What it means of `$foreach`.
    pub of_loop: Option<LoopProperty>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoopProperty {
    Index,
    Count,
    HasNext,
    First,
    Last,
    Parent,
    Topmost,
}

impl LoopProperty {
    /// Java finds `getIndex` for `index` and for `Index`.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "index" | "Index" => Self::Index,
            "count" | "Count" => Self::Count,
            "hasNext" | "HasNext" => Self::HasNext,
            "first" | "First" => Self::First,
            "last" | "Last" => Self::Last,
            "parent" | "Parent" => Self::Parent,
            "topmost" | "Topmost" => Self::Topmost,
            _ => return None,
        })
    }
}

#[derive(Clone, Debug)]
pub struct KnownPath {
    pub method: Box<str>,
    /// Whether it is `json`.
    pub is_json: bool,
    pub argument: Expression,
    pub path: Path,
}

#[derive(Clone, Debug)]
#[repr(u8)]
pub enum Expression {
    Quoted(Box<str>),
    /// A text in double quotes with a `$` or `#` in it. The flag says that a blank was put behind it.
    Interpolated(Block, bool),
    Integer(i128),
    Float(f64),
    Bool(bool),
    Reference(Reference),
    List(Vec<Self>),
    Map(Vec<(Self, Self)>),
    Range(Box<(Self, Self)>),
    Not(Box<Self>),
    And(Vec<Self>),
    Or(Vec<Self>),
    /// Operators of one level, from left to right.
    Chain(Box<Self>, Vec<Link>),
    /// No value: an integer beyond what we can hold.
    Nothing,
}

#[derive(Clone, Debug)]
pub struct Link {
    pub operator: Operator,
    pub right: Expression,
    /// What stands left and right of a `+`: a text plus nothing prints it.
    pub literals: Option<Literals>,
}

impl Link {
    pub fn calculates(&self) -> bool {
        matches!(self.operator, Operator::Calculate(_))
    }
}

/// Two parts of one of [`Tree::sources`].
#[derive(Clone, Debug)]
pub struct Literals {
    pub source: usize,
    pub left: Range<usize>,
    pub right: Range<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Calculate(Operation),
}

/// A whole template.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    pub body: Block,
    /// What `#define`s define.
    pub blocks: Vec<Block>,
    /// Names of all variables; their places are the slots.
    pub names: Vec<Box<str>>,
    /// The template and the texts in it that are templates too, where a `+` may need their words.
    pub sources: Vec<Box<str>>,
    /// How many properties there are.
    pub properties: usize,
    /// Regular expressions that stand in the template as they are.
    pub patterns: Vec<KnownPattern>,
    pub uses: Uses,
}

/// A regular expression that need not be compiled for each request.
#[derive(Clone, Debug)]
pub struct KnownPattern {
    pub java: Box<str>,
    /// It must match a whole text; else it is looked for in texts.
    pub is_whole: bool,
    pub pattern: Pattern,
}

impl KnownPattern {
    pub fn is(&self, java: &str, is_whole: bool) -> bool {
        self.is_whole == is_whole && *self.java == *java
    }
}
