//! Which program runs a function, with which words and which environment.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::fs::Metadata;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::base::json;
use crate::lambda::function::{Function, RuntimeKind};

/// What is to be run.
#[derive(Clone, Debug)]
pub struct Plan {
    pub program: PathBuf,
    pub arguments: Vec<String>,
    /// The last part of AWS_EXECUTION_ENV, and what else this runtime wants.
    pub environment: Vec<(String, String)>,
    pub data_mib_max: u64,
}

/// Interpreters that were asked who they are.
#[derive(Debug, Default)]
pub struct Interpreters {
    pythons: RefCell<HashMap<PathBuf, Python>>,
    /// Those of which it has been said that they have no client.
    lacking: RefCell<HashSet<PathBuf>>,
}

#[derive(Clone, Debug)]
struct Python {
    executable: String,
    has_client: bool,
}

/// Our own clients of the Runtime API.
const NODE_CLIENT: &str = include_str!("client/node.js");
const PYTHON_CLIENT: &str = include_str!("client/python.py");

/// Where packages of layers would be.
const NODE_LAYER: &str = "/opt/nodejs/node_modules";

/// Memory that an interpreter needs before it has run a line of the function.
const PYTHON_DATA_MIB: u64 = 128;
/// Node reserves stacks, code space and heaps for its threads.
const NODE_DATA_MIB: u64 = 1_024;
const PROVIDED_DATA_MIB: u64 = 128;

impl Interpreters {
    /// How to run `function`, whose code is in `folder`.
    ///
    /// # Errors
    /// What is missing, and what to do about it.
    pub async fn plan(&self, function: &Function, folder: &Path) -> Result<Plan, String> {
        let memory: u64 = function.memory_mib.into();
        match function.runtime.kind {
            RuntimeKind::Python => self.python(function, memory).await,
            RuntimeKind::Node => node(function, folder, memory),
            RuntimeKind::Provided => provided(folder, memory),
        }
    }

    async fn python(&self, function: &Function, memory: u64) -> Result<Plan, String> {
        let runtime = &function.runtime;
        let candidates: Vec<PathBuf> = match &runtime.program {
            Some(program) => vec![program.clone()],
            // The version is the author's wish; another one of the machine is better than none.
            None => [runtime.name.as_str(), "python3"]
                .into_iter()
                .filter_map(in_path)
                .collect(),
        };
        let mut why = format!(
            "neither {} nor python3 is in PATH; install it or name the program in `interpreter`",
            runtime.name
        );
        let mut found = None;
        for program in candidates {
            match self.ask(program).await {
                Ok(python) => {
                    found = Some(python);
                    break;
                }
                Err(error) => why = error,
            }
        }
        let python = found.ok_or(why)?;
        let arguments = match python.has_client {
            true => ["-m", "awslambdaric", &function.handler].map(str::to_owned),
            false => ["-c", PYTHON_CLIENT, &function.handler].map(str::to_owned),
        };
        let own = [("PYTHONDONTWRITEBYTECODE", "1"), ("PYTHONUNBUFFERED", "1")];
        Ok(Plan {
            program: python.executable.into(),
            arguments: arguments.into(),
            environment: own
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            data_mib_max: memory + PYTHON_DATA_MIB,
        })
    }

    /// What is known of a program; one that has a client is asked once.
    async fn ask(&self, program: PathBuf) -> Result<Python, String> {
        if let Some(python) = self.pythons.borrow().get(&program) {
            return Ok(python.clone());
        }
        let asked = program.clone();
        let answer = tokio::task::spawn_blocking(move || ask_python(&asked)).await;
        let python = answer.map_err(|error| error.to_string())??;
        if python.has_client {
            self.pythons.borrow_mut().insert(program, python.clone());
        } else if self.lacking.borrow_mut().insert(program) {
            tracing::warn!(
                python = python.executable,
                "awslambdaric, AWS's own runtime client, is not installed there; a small one of \
                 the gateway runs the function (`pip install awslambdaric`)"
            );
        }
        Ok(python)
    }
}

/// Who it is: a name in PATH may be a script that finds the interpreter by the environment, which
/// workers do not have.
fn ask_python(program: &Path) -> Result<Python, String> {
    const QUESTION: &str = "import sys, importlib.util as u\n\
                            print(sys.executable)\n\
                            print(u.find_spec('awslambdaric') is not None)";
    let shown = program.display();
    let output = Command::new(program)
        .args(["-c", QUESTION])
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{shown} cannot be started: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    match text.lines().collect::<Vec<_>>().as_slice() {
        [executable, has_client] if !executable.is_empty() => Ok(Python {
            executable: (*executable).to_owned(),
            has_client: *has_client == "True",
        }),
        _ => {
            let why = String::from_utf8_lossy(&output.stderr);
            let why = why.trim().lines().last().unwrap_or_default().to_owned();
            Err(format!("{shown} is no Python: {why}"))
        }
    }
}

/// AWS's own client where it is installed, since it takes a compiler and minutes to be; else ours.
fn node(function: &Function, folder: &Path, memory: u64) -> Result<Plan, String> {
    let program = match &function.runtime.program {
        Some(program) => program.clone(),
        None => in_path("node")
            .ok_or("node is not in PATH; install Node.js or name the program in `interpreter`")?,
    };
    let mut environment = function.environment.iter();
    let own_path = environment.find(|(name, _)| name == "NODE_PATH");
    let own_path = own_path.map(|(_, value)| OsString::from(value));
    let path = own_path.clone().or_else(|| std::env::var_os("NODE_PATH"));
    let path = path.unwrap_or_default();
    let mut folders = vec![folder.join("node_modules")];
    folders.extend(std::env::split_paths(&path));
    folders.push(NODE_LAYER.into());
    let limit = format!("--max-old-space-size={}", memory * 9 / 10);
    let arguments = match folders.iter().find_map(|folder| node_client(folder)) {
        Some(client) => vec![limit, client, function.handler.clone()],
        None => vec![limit, "-e".to_owned(), NODE_CLIENT.to_owned()],
    };
    let usual = || ("NODE_PATH".to_owned(), NODE_LAYER.to_owned());
    Ok(Plan {
        program,
        arguments,
        environment: own_path.is_none().then(usual).into_iter().collect(),
        data_mib_max: memory + NODE_DATA_MIB,
    })
}

/// The program of AWS's client in a folder of packages, as its description names it.
fn node_client(packages: &Path) -> Option<String> {
    let package = packages.join("aws-lambda-ric");
    let description = std::fs::read(package.join("package.json")).ok()?;
    let description = json::read::<json::Value>(&description).ok()?;
    let named = match &description["bin"] {
        json::Value::String(file) => file,
        all => all["aws-lambda-ric"].as_str()?,
    };
    // It finds what belongs to it beside where it really is.
    let program = std::fs::canonicalize(package.join(named)).ok()?;
    program.to_str().map(str::to_owned)
}

fn provided(folder: &Path, memory: u64) -> Result<Plan, String> {
    let program = folder.join("bootstrap");
    if !std::fs::metadata(&program).is_ok_and(|meta| is_program(&meta)) {
        let folder = folder.display();
        return Err(format!(
            "there is no executable file `bootstrap` in {folder}"
        ));
    }
    Ok(Plan {
        program,
        arguments: Vec::new(),
        environment: Vec::new(),
        data_mib_max: memory + PROVIDED_DATA_MIB,
    })
}

/// The first program of that name in the gateway's own PATH.
pub fn in_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let found = std::env::split_paths(&path).map(|folder| folder.join(name));
    found
        .into_iter()
        .find(|program| std::fs::metadata(program).is_ok_and(|meta| is_program(&meta)))
}

/// A file that somebody may execute.
pub fn is_program(meta: &Metadata) -> bool {
    meta.is_file() && meta.permissions().mode() & 0o111 != 0
}
