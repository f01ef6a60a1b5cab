//! Tokens to tree: statements and directives.

use std::collections::HashMap;

use super::lex::Lexer;
use super::shared::Shared;
use super::token::{Kind, Token};
use super::tree::{Block, Expression, Foreach, Node, Tree};
use super::{DEPTH_MAX, ParseError};

/// Directives that Velocity knows, besides `if`, `elseif`, `else`, `end` and `set`.
const DIRECTIVES: &[&str] = &[
    "foreach", "include", "parse", "macro", "literal", "break", "define", "stop",
];

/// Parses a whole template.
///
/// # Errors
/// What is wrong and where.
pub fn tree(text: &str) -> Result<Tree, ParseError> {
    let mut shared = Shared::default();
    for name in super::BUILT_IN {
        shared.slot(name);
    }
    let mut parser = Parser::new(text, &mut shared, 0, 0);
    let body = parser.template()?;
    Ok(Tree {
        body,
        blocks: shared.blocks,
        names: shared.names,
        sources: shared.sources,
        properties: shared.properties,
        patterns: shared.patterns,
        uses: shared.uses,
    })
}

pub(super) struct Parser<'t, 's> {
    pub(super) text: &'t str,
    lexer: Lexer<'t>,
    tokens: Vec<Token>,
    /// The next token to take.
    pub(super) next: usize,
    pub(super) shared: &'s mut Shared,
    pub(super) depth: usize,
    /// Where `text` begins in the whole template.
    pub(super) base: usize,
    /// Which of the sources `text` is, once it is needed.
    pub(super) source: Option<usize>,
    /// Which opening brackets were found to open a range: looking twice would double at each level.
    pub(super) ranges: HashMap<usize, bool>,
}

impl<'t, 's> Parser<'t, 's> {
    pub(super) fn new(text: &'t str, shared: &'s mut Shared, depth: usize, base: usize) -> Self {
        Self {
            text,
            lexer: Lexer::new(text),
            tokens: Vec::new(),
            next: 0,
            shared,
            depth,
            base,
            source: None,
            ranges: HashMap::new(),
        }
    }

    pub(super) fn template(&mut self) -> Result<Block, ParseError> {
        let block = self.block()?;
        self.expect(Kind::End)?;
        Ok(block)
    }

    /// The kind of the token `ahead` of the next one. Tokens are only read as they are looked at: a
    /// directive changes how what follows is read.
    pub(super) fn peek(&mut self, ahead: usize) -> Result<Kind, ParseError> {
        while self.tokens.len() <= self.next + ahead {
            let token = self.lexer.next()?;
            self.tokens.push(token);
        }
        Ok(self.tokens[self.next + ahead].kind)
    }

    pub(super) fn take(&mut self) -> Result<usize, ParseError> {
        self.peek(0)?;
        self.next += 1;
        Ok(self.next - 1)
    }

    pub(super) fn expect(&mut self, kind: Kind) -> Result<usize, ParseError> {
        if self.peek(0)? == kind {
            return self.take();
        }
        Err(self.unexpected(expectation(kind)))
    }

    pub(super) fn eat(&mut self, kind: Kind) -> Result<bool, ParseError> {
        let found = self.peek(0)? == kind;
        if found {
            self.next += 1;
        }
        Ok(found)
    }

    pub(super) fn unexpected(&self, expected: &str) -> ParseError {
        let range = self.tokens.get(self.next).map(|token| token.range.clone());
        let range = range.unwrap_or(self.text.len()..self.text.len());
        let found = self.text.get(range.clone()).unwrap_or_default();
        let found: String = found.trim().chars().take(20).collect();
        let what = if found.is_empty() {
            format!("unexpected end of the template, {expected} expected")
        } else {
            format!("unexpected `{}`, {expected} expected", found.escape_debug())
        };
        ParseError::at(self.text, range.start, what)
    }

    pub(super) fn fault(&self, token: usize, what: &str) -> ParseError {
        let at = self
            .tokens
            .get(token)
            .map_or(self.text.len(), |token| token.range.start);
        ParseError::at(self.text, at, what.to_owned())
    }

    pub(super) fn image(&self, token: usize) -> &'t str {
        &self.text[self.tokens[token].range.clone()]
    }

    pub(super) fn source(&mut self) -> usize {
        *self.source.get_or_insert_with(|| {
            self.shared.sources.push(self.text.into());
            self.shared.sources.len() - 1
        })
    }

    pub(super) fn end(&self, token: usize) -> usize {
        self.tokens[token].range.end
    }

    pub(super) fn start(&self, token: usize) -> usize {
        self.tokens[token].range.start
    }

    /// The text of a token with what got lost before it.
    fn literal_of(&self, token: usize) -> String {
        let mut out = String::new();
        let special = &self.tokens[token].special;
        let hidden = special
            .last()
            .is_some_and(|last| self.text[last.clone()].starts_with("##"));
        if !hidden {
            for range in special {
                special_text(&mut out, &self.text[range.clone()]);
            }
        }
        if self.tokens[token].kind != Kind::BlockComment {
            out.push_str(self.image(token));
        }
        out
    }

    /// The text of tokens `from..to`.
    pub(super) fn literal(&self, from: usize, to: usize) -> String {
        (from..to).map(|token| self.literal_of(token)).collect()
    }

    pub(super) fn deeper(&mut self) -> Result<(), ParseError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.unexpected("less nesting"));
        }
        Ok(())
    }

    /// Statements up to what is none.
    fn block(&mut self) -> Result<Block, ParseError> {
        self.deeper()?;
        let mut block = Block::default();
        while let Some(node) = self.statement()? {
            match (block.nodes.last_mut(), node) {
                (Some(Node::Text(before)), Node::Text(text)) => {
                    let mut joined = std::mem::take(before).into_string();
                    joined.push_str(&text);
                    *before = joined.into();
                }
                (_, Node::Text(text)) if text.is_empty() => {}
                (_, node) => block.push(node),
            }
        }
        self.depth -= 1;
        Ok(block.joined())
    }

    fn statement(&mut self) -> Result<Option<Node>, ParseError> {
        let kind = self.peek(0)?;
        Ok(Some(match kind {
            Kind::If => self.if_statement()?,
            Kind::Identifier => Node::from(self.reference()?),
            Kind::CurlyOpen if self.peek(1)? == Kind::Identifier => Node::from(self.reference()?),
            Kind::LineComment => {
                let token = self.take()?;
                self.eat(Kind::LineCommentEnd)?;
                Node::Text(self.before_comment(token).into())
            }
            Kind::BlockComment => {
                let token = self.take()?;
                Node::Text(self.before_comment(token).into())
            }
            Kind::RawText => {
                let image = self.take().map(|token| self.image(token))?;
                Node::Text(image.get(3..image.len() - 3).unwrap_or_default().into())
            }
            Kind::Set => self.set()?,
            Kind::EscapedDirective => {
                let token = self.take()?;
                Node::Text(self.escaped_directive(self.image(token)).into())
            }
            Kind::DoubleEscape => Node::Text(self.escapes()?.into()),
            Kind::Word | Kind::BracedWord => self.directive()?,
            Kind::Text
            | Kind::Dot
            | Kind::ParenClose
            | Kind::ParenOpen
            | Kind::Integer
            | Kind::Float
            | Kind::Quoted
            | Kind::Escape
            | Kind::CurlyOpen
            | Kind::CurlyClose
            | Kind::EmptyIndex => {
                let token = self.take()?;
                Node::Text(self.literal_of(token).into())
            }
            _ => return Ok(None),
        }))
    }

    fn before_comment(&self, token: usize) -> &'t str {
        let image = self.image(token);
        let end = image.find("##").or_else(|| image.find("#*"));
        &image[..end.unwrap_or(0)]
    }

    /// Backslashes before what is a directive escape each other, before other text they do not.
    fn escapes(&mut self) -> Result<String, ParseError> {
        let mut count = 0;
        while self.eat(Kind::DoubleEscape)? {
            count += 1;
        }
        let next = self.peek(0)?;
        let name = self.image(self.next).get(1..).unwrap_or_default();
        let is_control = matches!(
            next,
            Kind::If | Kind::Else | Kind::ElseIf | Kind::EndDirective
        ) || DIRECTIVES.contains(&name);
        Ok(if is_control { "\\" } else { "\\\\" }.repeat(count))
    }

    fn escaped_directive(&self, image: &str) -> String {
        let last = image.rfind('\\').unwrap_or(0);
        let directive = &image[last + 1..];
        let name = directive.trim_start_matches('#');
        let name = name
            .strip_prefix('{')
            .map_or(name, |name| name.trim_end_matches('}'));
        let is_known = DIRECTIVES.contains(&name)
            || self.shared.macros.contains(name)
            || matches!(name, "if" | "end" | "set" | "else" | "elseif");
        if is_known {
            format!("{}{directive}", &image[..last / 2])
        } else {
            image.to_owned()
        }
    }

    fn if_statement(&mut self) -> Result<Node, ParseError> {
        let mut branches = Vec::new();
        loop {
            // `#if` or `#elseif`
            self.take()?;
            self.eat(Kind::Blank)?;
            self.expect(Kind::ParenOpen)?;
            let condition = self.expression()?;
            self.expect(Kind::ParenClose)?;
            branches.push((condition, self.block()?));
            if self.peek(0)? != Kind::ElseIf {
                break;
            }
        }
        let otherwise = if self.eat(Kind::Else)? {
            Some(self.block()?)
        } else {
            None
        };
        self.expect(Kind::EndDirective)?;
        Ok(Node::If {
            branches,
            otherwise,
        })
    }

    fn set(&mut self) -> Result<Node, ParseError> {
        self.take()?;
        self.eat(Kind::Blank)?;
        let mut target = self.reference()?;
        if target.steps.is_empty() {
            // Only `$x` names a variable here: `${x}` sets one that nothing can read.
            target.slot = self
                .shared
                .slot(target.literal.get(1..).unwrap_or_default());
        }
        self.eat(Kind::Blank)?;
        self.expect(Kind::Assign)?;
        let value = self.expression()?;
        self.expect(Kind::ParenClose)?;
        self.lexer.in_set = false;
        Ok(Node::Set { target, value })
    }

    fn directive(&mut self) -> Result<Node, ParseError> {
        let first = self.take()?;
        let image = self.image(first);
        let name = if self.tokens[first].kind == Kind::BracedWord {
            image.get(2..image.len() - 1)
        } else {
            image.get(1..)
        };
        let name = name.unwrap_or_default();
        let known = DIRECTIVES.iter().copied().find(|known| *known == name);
        self.lexer.enter_directive();
        if !self.parenthesis_follows() {
            self.lexer.pop();
            return match known {
                None => Ok(Node::Text(self.literal_of(first).into())),
                Some(known) => self.without_arguments(known, first),
            };
        }
        self.eat(Kind::Blank)?;
        self.expect(Kind::ParenOpen)?;
        let arguments = self.arguments(known, first)?;
        let is_block = matches!(known, Some("foreach" | "macro" | "literal" | "define"))
            || known.is_none() && name.starts_with('@');
        if !is_block {
            return self.line_directive(known, first, arguments);
        }
        let body_from = self.next;
        let body = self.block()?;
        let body_to = self.next;
        self.expect(Kind::EndDirective)?;
        match known {
            Some("foreach") => self.foreach(first, arguments, body),
            Some("define") => self.define(first, arguments, body),
            Some("literal") if body_from == body_to => Ok(Node::Fail("#literal without a body")),
            Some("literal") => Ok(Node::Text(self.literal(body_from, body_to).into())),
            // Inline macros are off: the definition is nothing.
            Some(_) => self.macro_definition(first, &arguments),
            None => Ok(Node::Text(self.literal(first, self.next).into())),
        }
    }

    /// Whether `(` comes next, after blanks. Looks at the text, as nothing has been read of it.
    fn parenthesis_follows(&self) -> bool {
        let rest = self.text[self.lexer.at..].trim_start_matches([' ', '\t', '\n', '\r']);
        rest.starts_with('(')
    }

    fn without_arguments(&mut self, name: &str, first: usize) -> Result<Node, ParseError> {
        match name {
            "break" => Ok(Node::Break(None)),
            "stop" => Ok(Node::Stop),
            "include" => Ok(Node::Text("".into())),
            "parse" => Ok(Node::Fail("#parse needs an argument")),
            "macro" => Err(self.fault(first, "a macro needs a name")),
            _ => Err(self.fault(first, "the arguments of the directive are missing")),
        }
    }

    fn line_directive(
        &mut self,
        known: Option<&str>,
        first: usize,
        arguments: Vec<Argument>,
    ) -> Result<Node, ParseError> {
        let count = arguments.len();
        let value = arguments.into_iter().next().map(|argument| argument.value);
        match known {
            None => Ok(Node::Text(self.literal(first, self.next).into())),
            Some("break") => Ok(Node::Break(value)),
            Some("stop") => Ok(Node::Stop),
            Some("include") if count == 0 => Ok(Node::Text("".into())),
            Some("include") => Ok(Node::Fail("#include: there are no files")),
            _ => Ok(Node::Fail("#parse: there are no files")),
        }
    }

    fn foreach(
        &mut self,
        first: usize,
        mut arguments: Vec<Argument>,
        body: Block,
    ) -> Result<Node, ParseError> {
        match arguments.len() {
            0 | 1 => return Err(self.fault(first, "#foreach needs `$item in $list`")),
            2 => return Ok(Node::Text("".into())),
            _ => {}
        }
        let list = arguments.swap_remove(2).value;
        let slot = match &arguments[0].value {
            Expression::Reference(item) => item.slot,
            // No reference can name this variable.
            _ => self.shared.slot("\0"),
        };
        Ok(Node::Foreach(Box::new(Foreach { slot, list, body })))
    }

    fn define(
        &mut self,
        first: usize,
        arguments: Vec<Argument>,
        body: Block,
    ) -> Result<Node, ParseError> {
        let Some(Argument {
            value: Expression::Reference(reference),
            ..
        }) = arguments.first()
        else {
            return Err(self.fault(first, "#define needs a variable"));
        };
        let block = u32::try_from(self.shared.blocks.len()).unwrap_or(u32::MAX);
        self.shared.blocks.push(body);
        Ok(Node::Define {
            slot: reference.slot,
            block,
        })
    }

    fn macro_definition(
        &mut self,
        first: usize,
        arguments: &[Argument],
    ) -> Result<Node, ParseError> {
        match arguments.first().and_then(|argument| argument.word.clone()) {
            Some(name) => {
                self.shared.macros.insert(name);
                Ok(Node::Text("".into()))
            }
            None => Err(self.fault(first, "a macro needs a name")),
        }
    }

    fn arguments(
        &mut self,
        known: Option<&str>,
        first: usize,
    ) -> Result<Vec<Argument>, ParseError> {
        let mut arguments = Vec::new();
        loop {
            let blank = usize::from(self.peek(0)? == Kind::Blank);
            let ahead = self.peek(blank)?;
            if ahead == Kind::Comma {
                self.next += blank + 1;
                self.eat(Kind::Blank)?;
            } else if begins_argument(ahead) {
                self.next += blank;
            } else {
                break;
            }
            let place = arguments.len();
            let argument = self.argument()?;
            let is_word = argument.word.is_some();
            match (known, place) {
                (Some("macro"), 0) if !is_word => {
                    return Err(self.fault(first, "the name of a macro is a plain word"));
                }
                (Some("macro"), 0) | (Some("foreach"), 1) | (None, _) => {}
                (Some(_), _) if is_word => {
                    return Err(self.fault(self.next - 1, "a plain word is no argument here"));
                }
                _ => {}
            }
            arguments.push(argument);
        }
        self.eat(Kind::Blank)?;
        self.expect(Kind::ParenClose)?;
        Ok(arguments)
    }

    fn argument(&mut self) -> Result<Argument, ParseError> {
        if self.peek(0)? == Kind::Word {
            let token = self.take()?;
            return Ok(Argument {
                value: Expression::Nothing,
                word: Some(self.image(token).to_owned()),
            });
        }
        Ok(Argument {
            value: self.operand()?,
            word: None,
        })
    }
}

struct Argument {
    value: Expression,
    /// A plain word, like the `in` of `#foreach`.
    word: Option<String>,
}

fn begins_argument(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Identifier
            | Kind::CurlyOpen
            | Kind::Word
            | Kind::Quoted
            | Kind::Integer
            | Kind::Float
            | Kind::BracketOpen
            | Kind::MapOpen
            | Kind::True
            | Kind::False
    )
}

/// Of what was skipped only `$`, `#` and backslashes before a `$` are text.
fn special_text(out: &mut String, skipped: &str) {
    let mut rest = skipped;
    while let Some(at) = rest.find(['#', '$', '\\']) {
        rest = &rest[at..];
        let escapes = rest.bytes().take_while(|byte| *byte == b'\\').count();
        if escapes == 0 {
            out.push_str(&rest[..1]);
            rest = &rest[1..];
        } else if rest[escapes..].starts_with('$') {
            out.push_str(&rest[..=escapes]);
            // Velocity skips the character behind.
            let mut behind = rest[escapes + 1..].chars();
            behind.next();
            rest = behind.as_str();
        } else {
            rest = &rest[escapes..];
        }
    }
}

fn expectation(kind: Kind) -> &'static str {
    match kind {
        Kind::End => "the end of the template or a directive that is open",
        Kind::EndDirective => "`#end`",
        Kind::ParenOpen => "`(`",
        Kind::ParenClose | Kind::MethodClose => "`)`",
        Kind::Assign => "`=`",
        Kind::Identifier => "a name",
        Kind::CurlyClose | Kind::MapClose => "`}`",
        Kind::BracketClose | Kind::IndexClose => "`]`",
        Kind::Colon => "`:`",
        Kind::DoubleDot => "`..`",
        _ => "something else",
    }
}
