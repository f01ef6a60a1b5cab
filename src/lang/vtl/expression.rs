//! Tokens to tree: references and expressions.

use super::ParseError;
use super::parse::Parser;
use super::token::Kind;
use super::tree::{
    Expression, KnownPath, Link, Literals, LoopProperty, Node, Operator, Property, Reference,
    ReferenceKind, Step,
};
use crate::lang::jsonpath::Path;
use crate::lang::value::Operation;

impl Parser<'_, '_> {
    pub(super) fn reference(&mut self) -> Result<Reference, ParseError> {
        self.deeper()?;
        let first = self.next;
        let formal = self.eat(Kind::CurlyOpen)?;
        let name = self.expect(Kind::Identifier)?;
        let mut steps = Vec::new();
        self.indexes(&mut steps)?;
        while self.peek(0)? == Kind::Dot && self.peek(1)? == Kind::Identifier {
            self.take()?;
            let member = self.take()?;
            let member = self.image(member);
            if self.method_follows()? {
                let arguments = self.method_arguments()?;
                let name: Box<str> = member.into();
                steps.push(self.method(name, arguments));
            } else {
                steps.push(Step::Property(Property {
                    name: member.into(),
                    number: self.shared.properties,
                    of_loop: LoopProperty::named(member),
                }));
                self.shared.properties += 1;
            }
            self.indexes(&mut steps)?;
        }
        if formal {
            self.expect(Kind::CurlyClose)?;
        }
        self.depth -= 1;
        Ok(self.classified(first, name, steps))
    }

    /// Sorts out escapes and what got caught before the `$`.
    fn classified(&mut self, first: usize, name: usize, steps: Vec<Step>) -> Reference {
        let image = self.image(first);
        let rest = self.literal(first + 1, self.next);
        let at = self.base + self.start(first);
        let plain = |parser: &mut Self, kind, prefix: &str, clean: &str, root: &str| {
            let slot = parser.shared.slot(root);
            parser.shared.uses.note_reference(slot, &steps);
            let is_simple = kind == ReferenceKind::Plain
                && prefix.is_empty()
                && matches!(steps[..], [Step::Property(..)]);
            Reference {
                is_simple,
                slot,
                steps,
                at,
                literal: format!("{clean}{rest}").into(),
                prefix: prefix.into(),
                kind,
            }
        };
        // `$\!x` is the reference to something that nothing can be named.
        if image.contains("\\!") {
            return plain(self, ReferenceKind::Plain, "", "", "");
        }
        let escapes = image.bytes().take_while(|byte| *byte == b'\\').count();
        let image = &image[escapes..];
        let Some(dollar) = image.rfind('$') else {
            // Only its first word is printed.
            let mut runt = plain(self, ReferenceKind::Text, "", "", "");
            runt.literal = self.literal(first, first + 1).into();
            return runt;
        };
        let clean = &image[dollar..];
        let root = if clean.ends_with('{') {
            self.image(name)
        } else {
            clean.trim_start_matches(['$', '!'])
        };
        let halved = "\\".repeat(escapes / 2);
        if escapes % 2 == 1 {
            return plain(self, ReferenceKind::Escaped, &halved, clean, root);
        }
        let prefix = format!("{halved}{}", &image[..dollar]);
        plain(self, ReferenceKind::Plain, &prefix, clean, root)
    }

    /// `(` and what may begin an argument or end them.
    fn method_follows(&mut self) -> Result<bool, ParseError> {
        Ok(self.peek(0)? == Kind::ParenOpen
            && matches!(
                self.peek(1)?,
                Kind::MethodClose
                    | Kind::Blank
                    | Kind::Quoted
                    | Kind::Integer
                    | Kind::Float
                    | Kind::BracketOpen
                    | Kind::MapOpen
                    | Kind::True
                    | Kind::False
                    | Kind::Identifier
                    | Kind::CurlyOpen
            ))
    }

    fn method_arguments(&mut self) -> Result<Vec<Expression>, ParseError> {
        self.expect(Kind::ParenOpen)?;
        let mut arguments = Vec::new();
        if self.peek(0)? != Kind::MethodClose {
            arguments.push(self.parameter()?);
            while self.eat(Kind::Comma)? {
                arguments.push(self.parameter()?);
            }
        }
        self.expect(Kind::MethodClose)?;
        Ok(arguments)
    }

    fn method(&mut self, name: Box<str>, mut arguments: Vec<Expression>) -> Step {
        self.shared.uses.note_method(&name);
        if let [Expression::Quoted(text), ..] = &arguments[..] {
            match &*name {
                "path" | "json" if arguments.len() == 1 => {
                    if let Ok(path) = Path::parse(text)
                        && let Some(argument) = arguments.pop()
                    {
                        return Step::Path(Box::new(KnownPath {
                            is_json: &*name == "json",
                            method: name,
                            argument,
                            path,
                        }));
                    }
                }
                "matches" => self.shared.keep_pattern(text, true),
                "split" | "replaceAll" | "replaceFirst" => self.shared.keep_pattern(text, false),
                _ => {}
            }
        }
        Step::Method(name, arguments)
    }

    fn indexes(&mut self, steps: &mut Vec<Step>) -> Result<(), ParseError> {
        while self.eat(Kind::IndexOpen)? {
            self.eat(Kind::Blank)?;
            let index = match self.peek(0)? {
                Kind::Quoted
                | Kind::Integer
                | Kind::True
                | Kind::False
                | Kind::Identifier
                | Kind::CurlyOpen => self.operand()?,
                _ => return Err(self.unexpected("an index")),
            };
            self.eat(Kind::Blank)?;
            self.expect(Kind::IndexClose)?;
            steps.push(Step::Index(index));
        }
        Ok(())
    }

    /// An argument of a method, an item of a list: no operators.
    fn parameter(&mut self) -> Result<Expression, ParseError> {
        self.eat(Kind::Blank)?;
        let value = self.operand()?;
        self.eat(Kind::Blank)?;
        Ok(value)
    }

    /// A literal or a reference.
    pub(super) fn operand(&mut self) -> Result<Expression, ParseError> {
        self.deeper()?;
        let value = match self.peek(0)? {
            Kind::Quoted => {
                let token = self.take()?;
                self.quoted(token)?
            }
            Kind::Integer => {
                let token = self.take()?;
                let value = self.image(token).parse();
                value.map_or(Expression::Nothing, Expression::Integer)
            }
            Kind::Float => {
                let token = self.take()?;
                let value = self.image(token).parse();
                value.map_or(Expression::Nothing, Expression::Float)
            }
            Kind::True | Kind::False => Expression::Bool(self.take_true()?),
            Kind::Identifier | Kind::CurlyOpen => Expression::Reference(self.reference()?),
            Kind::BracketOpen if self.range_follows()? => self.range()?,
            Kind::BracketOpen => self.list()?,
            Kind::MapOpen => self.map()?,
            _ => return Err(self.unexpected("a value")),
        };
        self.depth -= 1;
        Ok(value)
    }

    fn take_true(&mut self) -> Result<bool, ParseError> {
        let is_true = self.peek(0)? == Kind::True;
        self.take()?;
        Ok(is_true)
    }

    /// A text in quotes; one in double quotes may be a template itself.
    fn quoted(&mut self, token: usize) -> Result<Expression, ParseError> {
        let image = self.image(token);
        let inner = image.get(1..image.len() - 1).unwrap_or_default();
        if image.starts_with('\'') {
            return Ok(Expression::Quoted(inner.replace("''", "'").into()));
        }
        let text = unescaped(inner).replace("\"\"", "\"");
        if !inner.contains(['$', '#']) {
            return Ok(Expression::Quoted(text.into()));
        }
        // A blank at the end keeps what ends in `$` from being an error; it is taken off again. A line
        // comment would swallow it.
        let has_comment = text.contains("##");
        let padded = if has_comment { text } else { text + " " };
        let base = self.start(token) + 1;
        let mut parser = Parser::new(&padded, &mut *self.shared, self.depth, base);
        let parsed = parser.template();
        let block =
            parsed.map_err(|error| self.fault(token, &format!("in this text: {}", error.what)))?;
        Ok(match &block.nodes[..] {
            // `"$.a"` is only text after all.
            [Node::Text(text)] if !has_comment => {
                let mut text = text.to_string();
                text.pop();
                Expression::Quoted(text.into())
            }
            _ => Expression::Interpolated(block, !has_comment),
        })
    }

    /// Looks ahead for `[`, an integer or a reference, `..`.
    fn range_follows(&mut self) -> Result<bool, ParseError> {
        let (next, depth) = (self.next, self.depth);
        if let Some(known) = self.ranges.get(&next) {
            return Ok(*known);
        }
        self.take()?;
        self.eat(Kind::Blank)?;
        let bound = match self.peek(0)? {
            Kind::Integer => self.take().map(|_| ()),
            Kind::Identifier | Kind::CurlyOpen => self.reference().map(|_| ()),
            _ => Err(self.unexpected("a bound")),
        };
        let found = match bound {
            Ok(()) => {
                self.eat(Kind::Blank)?;
                self.peek(0)? == Kind::DoubleDot
            }
            Err(_) => false,
        };
        (self.next, self.depth) = (next, depth);
        self.ranges.insert(next, found);
        Ok(found)
    }

    fn range(&mut self) -> Result<Expression, ParseError> {
        self.take()?;
        let from = self.parameter()?;
        self.expect(Kind::DoubleDot)?;
        self.eat(Kind::Blank)?;
        let to = match self.peek(0)? {
            Kind::Integer | Kind::Identifier | Kind::CurlyOpen => self.parameter()?,
            _ => return Err(self.unexpected("an integer or a reference")),
        };
        self.expect(Kind::BracketClose)?;
        Ok(Expression::Range(Box::new((from, to))))
    }

    fn list(&mut self) -> Result<Expression, ParseError> {
        self.take()?;
        let mut items = Vec::new();
        if self.peek(0)? != Kind::BracketClose {
            items.push(self.parameter()?);
            while self.eat(Kind::Comma)? {
                items.push(self.parameter()?);
            }
        }
        self.expect(Kind::BracketClose)?;
        Ok(Expression::List(items))
    }

    fn map(&mut self) -> Result<Expression, ParseError> {
        self.take()?;
        let mut entries = Vec::new();
        let blank = usize::from(self.peek(0)? == Kind::Blank);
        if matches!(self.peek(blank)?, Kind::MapClose | Kind::CurlyClose) {
            self.next += blank;
        } else {
            loop {
                let key = self.parameter()?;
                self.expect(Kind::Colon)?;
                entries.push((key, self.parameter()?));
                if !self.eat(Kind::Comma)? {
                    break;
                }
            }
        }
        if !self.eat(Kind::CurlyClose)? {
            self.expect(Kind::MapClose)?;
        }
        Ok(Expression::Map(entries))
    }

    pub(super) fn expression(&mut self) -> Result<Expression, ParseError> {
        self.deeper()?;
        let first = self.conjunction()?;
        let mut parts = vec![first];
        while self.eat(Kind::Or)? {
            parts.push(self.conjunction()?);
        }
        self.depth -= 1;
        Ok(one_or(parts, Expression::Or))
    }

    fn conjunction(&mut self) -> Result<Expression, ParseError> {
        let first = self.chain(0)?;
        let mut parts = vec![first];
        while self.eat(Kind::And)? {
            parts.push(self.chain(0)?);
        }
        Ok(one_or(parts, Expression::And))
    }

    /// Operators from left to right; a higher level binds closer.
    fn chain(&mut self, level: usize) -> Result<Expression, ParseError> {
        let Some(operators) = LEVELS.get(level) else {
            return self.unary();
        };
        let start = self.next;
        let first = self.chain(level + 1)?;
        let mut links = Vec::new();
        loop {
            let kind = self.peek(0)?;
            let operator = operators.iter().find(|(known, _)| *known == kind);
            let Some((_, operator)) = operator else { break };
            let left = self.start(start)..self.end(self.next - 1);
            self.take()?;
            let from = self.next;
            let right = self.chain(level + 1)?;
            let literals = (*operator == Operator::Calculate(Operation::Add)).then(|| Literals {
                source: self.source(),
                left,
                right: self.start(from)..self.end(self.next - 1),
            });
            links.push(Link {
                operator: *operator,
                right,
                literals,
            });
        }
        Ok(if links.is_empty() {
            first
        } else {
            Expression::Chain(Box::new(first), links)
        })
    }

    fn unary(&mut self) -> Result<Expression, ParseError> {
        let blank = usize::from(self.peek(0)? == Kind::Blank);
        if self.peek(blank)? == Kind::Not {
            self.next += blank + 1;
            self.deeper()?;
            let inner = self.unary()?;
            self.depth -= 1;
            return Ok(Expression::Not(Box::new(inner)));
        }
        self.eat(Kind::Blank)?;
        let value = if self.eat(Kind::ParenOpen)? {
            let inner = self.expression()?;
            self.expect(Kind::ParenClose)?;
            inner
        } else {
            self.operand()?
        };
        self.eat(Kind::Blank)?;
        Ok(value)
    }
}

const LEVELS: &[&[(Kind, Operator)]] = &[
    &[
        (Kind::Equal, Operator::Equal),
        (Kind::NotEqual, Operator::NotEqual),
    ],
    &[
        (Kind::Less, Operator::Less),
        (Kind::Greater, Operator::Greater),
        (Kind::LessOrEqual, Operator::LessOrEqual),
        (Kind::GreaterOrEqual, Operator::GreaterOrEqual),
    ],
    &[
        (Kind::Plus, Operator::Calculate(Operation::Add)),
        (Kind::Minus, Operator::Calculate(Operation::Subtract)),
    ],
    &[
        (Kind::Times, Operator::Calculate(Operation::Multiply)),
        (Kind::Divide, Operator::Calculate(Operation::Divide)),
        (Kind::Modulo, Operator::Calculate(Operation::Modulo)),
    ],
];

fn one_or(
    mut parts: Vec<Expression>,
    many: impl FnOnce(Vec<Expression>) -> Expression,
) -> Expression {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        Some(last) => {
            parts.push(last);
            many(parts)
        }
        None => Expression::Nothing,
    }
}

/// `\uXXXX` in a text in double quotes; other backslashes stay.
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("\\u") {
        out.push_str(&rest[..at]);
        let code = rest.get(at + 2..at + 6);
        let c = code
            .and_then(|code| u32::from_str_radix(code, 16).ok())
            .map(|code| char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
        match c {
            Some(c) => {
                out.push(c);
                rest = &rest[at + 6..];
            }
            None => {
                out.push_str("\\u");
                rest = &rest[at + 2..];
            }
        }
    }
    out.push_str(rest);
    out
}
