//! Templates made at random: statements, references, methods and expressions in each other, with what
//! is hard to read between them.

/// Makes one template from its seed.
pub struct Generator {
    state: u64,
}

const NAMES: &[&str] = &["x", "y", "m", "l", "s", "nope", "foo", "q", "context", "i"];
const BLANKS: &[&str] = &["", "", "", " ", "  ", "\n", "\t"];
const LINE_ENDS: &[&str] = &["", "\n", " ", " \n"];
const INTEGERS: &[&str] = &[
    "0",
    "1",
    "2",
    "3",
    "-1",
    "7",
    "10",
    "100",
    "2147483647",
    "-5",
    "99999999999",
];
const FLOATS: &[&str] = &["1.5", "0.25", "-2.5", "1e3", "3.0", "100000000.0"];
const PLAIN_TEXTS: &[&str] = &[
    "''", "'a'", "'abc'", "'hello'", "'x y'", "'$x'", "'it''s'", "'1'", "'5'", "'true'", "'a,b'",
    "'[1, 2]'",
];
const TEXTS: &[&str] = &[
    "\"\"",
    "\"a\"",
    "\"$x\"",
    "\"${x}b\"",
    "\"$nope\"",
    "\"#if($x)y#end\"",
    "\"a$\"",
    "\"#\"",
    "\"$s $l\"",
    "\"1\"",
    "\"a\"\"b\"",
    "\"\\u0041\"",
    "\"$!foo\"",
    "\"#set($x=1)z\"",
];
const PATHS: &[&str] = &[
    "a", "s", "n", "f", "t", "z", "o", "e", "big", "u", "nope", "a[0]", "o.k", "a[2].b",
];
const GIVEN: &[&str] = &[
    "context.stage",
    "context.identity.sourceIp",
    "stageVariables.v",
    "input.params('q')",
    "context.identity",
    "context.nope",
    "stageVariables['v']",
    "input.body",
    "input.params().header",
    "util.urlEncode('a b')",
    "util.escapeJavaScript($s)",
    "util.parseJson('{\"q\":[1,2]}').q",
    "util.base64Encode($x)",
];
const MEMBERS: &[&str] = &["a", "b", "k", "l", "size", "empty", "foo-bar", "x1", "_z"];
const INDEXES: &[&str] = &["0", "1", "-1", "'k'", "\"a\"", "$i", "$x", "5", " 0 "];
/// Methods and how many arguments they take.
const METHODS: &[(&str, usize)] = &[
    ("size", 0),
    ("length", 0),
    ("isEmpty", 0),
    ("get", 1),
    ("put", 2),
    ("add", 1),
    ("contains", 1),
    ("substring", 1),
    ("substring", 2),
    ("indexOf", 1),
    ("replace", 2),
    ("replaceAll", 2),
    ("split", 1),
    ("trim", 0),
    ("toUpperCase", 0),
    ("toLowerCase", 0),
    ("equals", 1),
    ("keySet", 0),
    ("values", 0),
    ("entrySet", 0),
    ("containsKey", 1),
    ("startsWith", 1),
    ("endsWith", 1),
    ("toString", 0),
    ("charAt", 1),
    ("compareTo", 1),
    ("intValue", 0),
    ("remove", 1),
    ("concat", 1),
    ("matches", 1),
    ("equalsIgnoreCase", 1),
    ("nope", 0),
    ("getKey", 0),
    ("set", 2),
    ("containsValue", 1),
    ("lastIndexOf", 1),
    ("subList", 2),
    ("addAll", 1),
    ("clear", 0),
    ("parseInt", 1),
    ("replaceFirst", 2),
    ("doubleValue", 0),
    ("longValue", 0),
    ("putAll", 1),
    ("isBlank", 0),
    ("repeat", 1),
    ("strip", 0),
];
const COMPARISONS: &[&str] = &[
    "==", "!=", "<", ">", "<=", ">=", "eq", "ne", "lt", "gt", "le", "ge",
];
const TARGETS: &[&str] = &[
    "$x", "$y", "$m", "$l", "$s", "$i", "$foo", "$m.a", "$m['k']", "$l[0]", "$m.a.b", "${x}",
    "$x.y",
];
const WORDS: &[&str] = &[
    "a", "b c", "\n", " ", "{\"k\": ", "\"", ", ", "}", "x\ty", "é", ".", "-", "(", ")", "[0]",
    ".foo", " .b ", "!", "0", "\n\n  ", "$5", "# ", "$ ", "\\", "\\\\", "$", "#",
];
const ODD: &[&str] = &[
    "## c\n",
    "#* c *#",
    "#** d *#",
    "#[[ $x #y ]]#",
    "##",
    "\\$x",
    "\\#if",
    "\\\\$x",
    "\\$nope",
    "\\#foo",
    "#foo",
    "#foo($x)",
    "\\\\#if(true)q#end",
    "#evaluate(\"$x\")",
    "#literal()$x#end",
    "$!",
    "#w(1)",
    "#@b()q#end",
    "$.a",
    "$[0]",
    "${",
];
const LISTS: &[&str] = &["$l", "$m", "[1..3]", "$input.path('$.a')", "[1,2]"];
const LOOP_ENDS: &[&str] = &[
    "",
    "$foreach.index",
    "$velocityCount",
    "#if($foreach.hasNext),#end",
    "#if($i==2)#break#end",
    "$foreach.parent.count",
    "$!foreach.last",
];
const STARTS: &[&str] = &[
    "",
    "#set($x=1)",
    "#set($l=[1,2,3])",
    "#set($m={\"a\":1,\"k\":\"v\"})",
    "#set($s=\"hello\")",
    "#set($x=\"a$\")",
];

impl Generator {
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    pub fn template(&mut self) -> String {
        let mut out = String::new();
        for _ in 0..3 {
            out.push_str(self.of(STARTS));
        }
        for _ in 0..1 + self.below(7) {
            out.push_str(&self.statement(3));
        }
        out
    }

    /// splitmix64
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn of<'c>(&mut self, choices: &[&'c str]) -> &'c str {
        choices[self.below(choices.len())]
    }

    fn literal(&mut self, depth: usize) -> String {
        match self.below(12) {
            0..3 => self.of(INTEGERS).to_owned(),
            3 => self.of(FLOATS).to_owned(),
            4 => self.of(&["true", "false"]).to_owned(),
            5 => self.of(PLAIN_TEXTS).to_owned(),
            6 => self.of(TEXTS).to_owned(),
            7 if depth > 0 => {
                let items: Vec<String> = (0..self.below(4))
                    .map(|_| self.argument(depth - 1))
                    .collect();
                format!("[{}]", items.join(","))
            }
            8 if depth > 0 => {
                let entries: Vec<String> = (0..self.below(3))
                    .map(|_| {
                        let (before, after) = (self.of(BLANKS), self.of(BLANKS));
                        let key = self.of(&["\"a\"", "'b'", "\"k\"", "1", "$x"]);
                        format!("{before}{key}{after}:{}", self.argument(depth - 1))
                    })
                    .collect();
                format!("{{{}}}", entries.join(","))
            }
            9 => {
                let from = self.of(&["1", "$n", "3", "0", "-1"]);
                let dots = self.of(&["..", " .. "]);
                format!("[{from}{dots}{}]", self.of(&["3", "1", "$x", "5"]))
            }
            _ => self.reference(depth),
        }
    }

    fn argument(&mut self, depth: usize) -> String {
        let (before, after) = (self.of(&["", "", " "]), self.of(&["", "", " "]));
        format!("{before}{}{after}", self.literal(depth))
    }

    fn method(&mut self, depth: usize) -> String {
        let (name, count) = METHODS[self.below(METHODS.len())];
        let arguments: Vec<String> = (0..count)
            .map(|_| self.argument(depth.saturating_sub(1)))
            .collect();
        format!(".{name}({})", arguments.join(","))
    }

    fn reference(&mut self, depth: usize) -> String {
        let mut body = match self.below(10) {
            0 | 1 => format!("input.path('$.{}')", self.of(PATHS)),
            2 => format!("input.json('$.{}')", self.of(PATHS)),
            3 => self.of(GIVEN).to_owned(),
            _ => self.of(NAMES).to_owned(),
        };
        let mut left = depth;
        while left > 0 && self.one_in(3) {
            match self.below(4) {
                0 => body = format!("{body}.{}", self.of(MEMBERS)),
                1 => body = format!("{body}[{}]", self.of(INDEXES)),
                _ => body.push_str(&self.method(left)),
            }
            left -= 1;
        }
        let sign = self.of(&["$", "$", "$", "$!"]);
        if self.one_in(3) {
            format!("{sign}{{{body}}}")
        } else {
            format!("{sign}{body}")
        }
    }

    fn expression(&mut self, depth: usize) -> String {
        if depth == 0 {
            return self.literal(0);
        }
        let inner = |this: &mut Self| this.expression(depth - 1);
        match self.below(8) {
            0..3 => {
                let (before, after) = (self.of(BLANKS), self.of(BLANKS));
                format!("{before}{}{after}", self.literal(depth - 1))
            }
            3 => format!("{} {} {}", inner(self), self.of(COMPARISONS), inner(self)),
            4 => {
                let left = inner(self);
                let blank = self.of(&[" ", ""]);
                let sign = self.of(&["+", "-", "*", "/", "%"]);
                format!("{left}{blank}{sign} {}", inner(self))
            }
            5 => format!("{}{}", self.of(&["!", "! ", "not "]), inner(self)),
            6 => format!("({})", inner(self)),
            _ => {
                let left = inner(self);
                let sign = self.of(&["&&", "||", "and", "or"]);
                format!("{left} {sign} {}", inner(self))
            }
        }
    }

    fn set(&mut self, depth: usize) -> String {
        let before = self.of(&["", "", " ", "\n", "  "]);
        let blank = self.of(&["", "", " "]);
        let target = self.of(TARGETS);
        let sign = self.of(&[" = ", "="]);
        let value = self.expression(depth);
        let after = self.of(&["", "\n", " \n", " "]);
        format!("{before}#set{blank}({target}{sign}{value}){after}")
    }

    fn statement(&mut self, depth: usize) -> String {
        match self.below(20) {
            0..5 => self.of(WORDS).to_owned(),
            5..9 => self.reference(depth),
            9..12 => self.set(depth),
            _ if depth == 0 => "t".to_owned(),
            12 | 13 => self.condition(depth),
            14 | 15 => self.foreach(depth),
            16 => self.of(ODD).to_owned(),
            17 => {
                let variable = self.of(&["$d", "$x"]);
                let block = self.block(depth - 1);
                let shown = self.of(&["$d", "$x", "\"$d\""]);
                format!("#define({variable}){block}#end{shown}")
            }
            18 => self
                .of(&["#break", "#stop", "#stop ", "#break ", "#include()", "\n"])
                .to_owned(),
            _ => self.block(depth - 1),
        }
    }

    fn condition(&mut self, depth: usize) -> String {
        let mut out = self.of(&["#if", "#if", "#{if}"]).to_owned();
        out.push_str(self.of(&["", " "]));
        let condition = self.expression(depth);
        out.push_str(&format!("({condition}){}", self.of(LINE_ENDS)));
        out.push_str(&self.block(depth - 1));
        while self.one_in(3) {
            let word = self.of(&["#elseif", "#{elseif}"]);
            let condition = self.expression(depth);
            out.push_str(&format!("{word}({condition}){}", self.of(LINE_ENDS)));
            out.push_str(&self.block(depth - 1));
        }
        if self.one_in(2) {
            out.push_str(self.of(&["#else", "#{else}"]));
            out.push_str(self.of(&[" ", "\n"]));
            out.push_str(&self.block(depth - 1));
        }
        out.push_str(self.of(&["#end", "#{end}"]));
        out.push_str(self.of(LINE_ENDS));
        out
    }

    fn foreach(&mut self, depth: usize) -> String {
        let blank = self.of(&["", " "]);
        let item = self.of(&["$i", "$x", "$e"]);
        let word = self.of(&[" in ", " in", "  in  "]);
        let list = if self.one_in(6) {
            self.literal(2)
        } else {
            self.of(LISTS).to_owned()
        };
        let end = self.of(LINE_ENDS);
        let block = self.block(depth - 1);
        let last = self.of(LOOP_ENDS);
        let after = self.of(LINE_ENDS);
        format!("#foreach{blank}({item}{word}{list}){end}{block}{last}#end{after}")
    }

    fn block(&mut self, depth: usize) -> String {
        (0..self.below(5)).map(|_| self.statement(depth)).collect()
    }
}
