//! Certificates and their keys: read from files, chosen by SNI, swapped while sessions live.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{InconsistentKeys, SignatureScheme};

use crate::rt::tls::error::Error;
use crate::rt::tls::given::{Given, GivenCertificate};
use crate::rt::tls::provider::provider;
use crate::rt::tls::{der, trust};

/// No certificate or key file in its right mind is larger.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Where a certificate lives; both files are PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The server's certificate first, then those that sign it.
    pub chain: PathBuf,
    /// Its private key: PKCS #8, PKCS #1 or SEC 1, not encrypted.
    pub key: PathBuf,
}

/// The certificates of a listener. Handshakes read a table that is replaced as a whole.
#[derive(Debug)]
pub struct Certificates {
    table: ArcSwap<Table>,
    /// What the table was made of. Only the control thread takes this lock.
    sources: Mutex<Sources>,
}

#[derive(Debug, Default)]
struct Sources {
    /// Not empty.
    loaded: Vec<Loaded>,
    given: Vec<Given>,
}

/// When all certificates of a file hold: clients refuse a chain as soon as one of it does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Validity {
    pub chain: PathBuf,
    /// Milliseconds since 1970.
    pub begin_ms: i64,
    pub end_ms: i64,
}

impl Validity {
    /// What is wrong with it at a moment, in milliseconds since 1970.
    pub fn lapse(&self, now_ms: i64) -> Option<String> {
        let (what, ms) = match now_ms {
            now_ms if now_ms > self.end_ms => ("has expired: it was good until", self.end_ms),
            now_ms if now_ms < self.begin_ms => ("is not valid yet: it is from", self.begin_ms),
            _ => return None,
        };
        Some(format!(
            "{} {what} {}",
            self.chain.display(),
            trust::moment(ms)
        ))
    }
}

/// What a reload found.
#[derive(Debug, Default)]
pub struct Reload {
    /// The chain files whose new content is in use from now on.
    pub renewed: Vec<PathBuf>,
    /// What is wrong with the others; their old content stays in use. A problem is told once,
    /// not at every reload while it lasts.
    pub problems: Vec<Error>,
}

impl Certificates {
    /// Reads all files; the first certificate answers for unknown names. All problems at once.
    pub fn load(files: &[CertificateFiles]) -> Result<Self, Vec<Error>> {
        let loaded = load_all(files)?;
        Ok(Self {
            table: ArcSwap::from_pointee(Table::new(&loaded, &[])),
            sources: Mutex::new(Sources {
                loaded,
                given: Vec::new(),
            }),
        })
    }

    /// Takes other files instead. On an error everything stays as it was.
    pub fn replace(&self, files: &[CertificateFiles]) -> Result<(), Vec<Error>> {
        let loaded = load_all(files)?;
        let mut current = self.lock();
        current.loaded = loaded;
        self.renew_table(&current);
        Ok(())
    }

    /// Answers for these names with their own certificates, and with no others that were given
    /// before. Those that cannot be used are left out; the answer says why.
    pub fn set_given(&self, given: &[GivenCertificate]) -> Vec<Error> {
        let mut current = self.lock();
        let is_same = |(known, own): (&Given, &GivenCertificate)| known.is_of(own);
        if current.given.len() == given.len() && current.given.iter().zip(given).all(is_same) {
            return Vec::new();
        }
        let (fresh, problems) = Given::take_all(given, &current.given);
        current.given = fresh;
        self.renew_table(&current);
        problems
    }

    fn renew_table(&self, sources: &Sources) {
        let table = Table::new(&sources.loaded, &sources.given);
        self.table.store(Arc::new(table));
    }

    /// Reads the files again and takes over the certificates whose content changed.
    ///
    /// A bad file keeps its old certificate. New handshakes see the new ones; sessions that are
    /// open live on.
    pub fn reload(&self) -> Reload {
        let mut report = Reload::default();
        let mut current = self.lock();
        for loaded in &mut current.loaded {
            match Loaded::read(&loaded.files) {
                Ok(fresh) => {
                    if fresh.digest != loaded.digest {
                        report.renewed.push(fresh.files.chain.clone());
                        *loaded = fresh;
                    }
                    loaded.problem.clear();
                }
                Err(error) => {
                    let problem = error.to_string();
                    if loaded.problem != problem {
                        loaded.problem = problem;
                        report.problems.push(error);
                    }
                }
            }
        }
        if !report.renewed.is_empty() {
            self.renew_table(&current);
        }
        report
    }

    /// When the certificates of the files hold, in their order.
    pub fn validities(&self) -> Vec<Validity> {
        let current = self.lock();
        let all = current.loaded.iter().filter_map(|loaded| {
            let chain = loaded.key.cert.iter();
            let times: Option<Vec<[i64; 2]>> = chain.map(|own| der::validity(own)).collect();
            let times = times?;
            Some(Validity {
                chain: loaded.files.chain.clone(),
                begin_ms: times.iter().map(|[begin, _]| *begin).max()?,
                end_ms: times.iter().map(|[_, end]| *end).min()?,
            })
        });
        all.collect()
    }

    /// The DNS names these certificates are for, wildcards as `*.example.com`.
    pub fn names(&self) -> Vec<String> {
        let current = self.lock();
        let names = current.loaded.iter().flat_map(|loaded| &loaded.names);
        names.map(|name| name.to_string()).collect()
    }

    /// A panic while the lock was held cannot have left half a change: the list is only
    /// overwritten by whole entries.
    fn lock(&self) -> MutexGuard<'_, Sources> {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name();
        ASKED.with_borrow_mut(|asked| *asked = name.map(Box::from));
        let table = self.table.load();
        Some(table.choose(name, hello.signature_schemes()))
    }
}

thread_local! {
    /// The name the latest ClientHello of this thread asked for.
    static ASKED: RefCell<Option<Box<str>>> = const { RefCell::new(None) };
}

/// Runs `work` and also gives the name that a ClientHello in it asked for.
///
/// An unbuffered connection does not tell its SNI; only the resolver sees it. The machine runs
/// on this thread from `work`'s start to its end, so the name cannot be another session's.
pub(super) fn asked_name<T>(work: impl FnOnce() -> T) -> (T, Option<Box<str>>) {
    ASKED.with_borrow_mut(|asked| *asked = None);
    let done = work();
    (done, ASKED.with_borrow_mut(Option::take))
}

/// Names to certificates. A name may have several, of different kinds of keys.
#[derive(Debug)]
struct Table {
    exact: HashMap<Box<str>, Vec<Arc<CertifiedKey>>>,
    /// By the part behind `*.`.
    wildcard: HashMap<Box<str>, Vec<Arc<CertifiedKey>>>,
    /// Certificates for who asks for no name or one we do not know; the first is preferred.
    others: Arc<CertifiedKey>,
}

impl Table {
    /// Invariant: `loaded` is not empty (`load_all`).
    ///
    /// What was given for a name goes before what files have for it.
    fn new(loaded: &[Loaded], given: &[Given]) -> Self {
        let mut table = Self {
            exact: HashMap::new(),
            wildcard: HashMap::new(),
            others: Arc::clone(&loaded[0].key),
        };
        for certificate in given {
            table.add(&certificate.name, &certificate.key);
        }
        for certificate in loaded {
            for name in &certificate.names {
                table.add(name, &certificate.key);
            }
        }
        table
    }

    fn add(&mut self, name: &str, key: &Arc<CertifiedKey>) {
        let (names, name) = match name.strip_prefix("*.") {
            Some(parent) => (&mut self.wildcard, parent),
            None => (&mut self.exact, name),
        };
        names.entry(name.into()).or_default().push(Arc::clone(key));
    }

    /// Exact name, else `*.` for its first label (RFC 6125, section 6.4.3), else the first
    /// certificate; among several for a name the first whose key the client can verify.
    ///
    /// `name` is in lower case.
    fn choose(&self, name: Option<&str>, schemes: &[SignatureScheme]) -> Arc<CertifiedKey> {
        let exact = name.and_then(|name| self.exact.get(name));
        let keys = exact.or_else(|| {
            let (_, parent) = name?.split_once('.')?;
            self.wildcard.get(parent)
        });
        let Some([first, more @ ..]) = keys.map(Vec::as_slice) else {
            return Arc::clone(&self.others);
        };
        let mut fitting = std::iter::once(first).chain(more);
        let fitting = fitting.find(|key| key.key.choose_scheme(schemes).is_some());
        Arc::clone(fitting.unwrap_or(first))
    }
}

/// One certificate and where it came from.
#[derive(Debug)]
struct Loaded {
    files: CertificateFiles,
    /// Of the content of both files, to notice a change.
    digest: u64,
    key: Arc<CertifiedKey>,
    /// In lower case, as the client's are.
    names: Vec<Box<str>>,
    /// What the latest reload complained about; empty if it did not.
    problem: String,
}

impl Loaded {
    fn read(files: &CertificateFiles) -> Result<Self, Error> {
        let (chain_text, chain) = read_certificates(&files.chain)?;
        let key_text = read_file(&files.key)?;
        let private = PrivateKeyDer::from_pem_slice(&key_text)
            .map_err(|error| Error::file(&files.key, explain_key(&key_text, &error)))?;
        let names = dns_names(&chain[0]).map_err(|what| Error::file(&files.chain, what))?;
        let key = CertifiedKey::from_der(chain, private, &provider()).map_err(|error| {
            let what = match error {
                rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => format!(
                    "this private key does not belong to the certificate in {}",
                    files.chain.display()
                ),
                other => format!("this private key cannot be used: {other}"),
            };
            Error::file(&files.key, what)
        })?;
        let mut hasher = DefaultHasher::new();
        (&chain_text, &*key_text).hash(&mut hasher);
        Ok(Self {
            files: files.clone(),
            digest: hasher.finish(),
            key: Arc::new(key),
            names,
            problem: String::new(),
        })
    }
}

fn load_all(files: &[CertificateFiles]) -> Result<Vec<Loaded>, Vec<Error>> {
    let (mut loaded, mut problems) = (Vec::new(), Vec::new());
    for files in files {
        match Loaded::read(files) {
            Ok(certificate) => loaded.push(certificate),
            Err(error) => problems.push(error),
        }
    }
    if files.is_empty() {
        problems.push(Error::NoCertificate);
    }
    if problems.is_empty() {
        Ok(loaded)
    } else {
        Err(problems)
    }
}

/// The content of a PEM file and the certificates in it: at least one.
pub(super) fn read_certificates(
    file: &Path,
) -> Result<(Vec<u8>, Vec<CertificateDer<'static>>), Error> {
    let text = read_file(file)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match certificates {
        Ok(certificates) if certificates.is_empty() => Err(Error::file(
            file,
            "holds no certificate (no `-----BEGIN CERTIFICATE-----`)",
        )),
        Ok(certificates) => Ok((text, certificates)),
        Err(error) => Err(Error::file(file, format!("is not valid PEM: {error}"))),
    }
}

fn read_file(file: &Path) -> Result<Vec<u8>, Error> {
    let mut text = Vec::new();
    let read = File::open(file).and_then(|open| {
        let mut open = open.take(FILE_BYTES_MAX + 1);
        open.read_to_end(&mut text)
    });
    match read {
        Err(error) => Err(Error::file(file, format!("cannot be read: {error}"))),
        Ok(length) if length as u64 > FILE_BYTES_MAX => {
            Err(Error::file(file, "is larger than 1 MiB"))
        }
        Ok(_) => Ok(text),
    }
}

fn explain_key(text: &[u8], error: &pem::Error) -> String {
    let encrypted = b"-----BEGIN ENCRYPTED PRIVATE KEY-----";
    let is_encrypted = text.windows(encrypted.len()).any(|part| part == encrypted);
    match error {
        _ if is_encrypted => "the private key is encrypted; give it decrypted".to_owned(),
        pem::Error::NoItemsFound => {
            "holds no private key (no `-----BEGIN PRIVATE KEY-----`)".to_owned()
        }
        other => format!("is not valid PEM: {other}"),
    }
}

/// The DNS names in the certificate's subjectAltName; the common name has no say
/// (RFC 9525, section 6.3).
pub(super) fn dns_names(certificate: &CertificateDer<'_>) -> Result<Vec<Box<str>>, String> {
    match webpki::EndEntityCert::try_from(certificate) {
        Ok(parsed) => Ok(parsed
            .valid_dns_names()
            .map(|name| name.to_ascii_lowercase().into())
            .collect()),
        Err(error) => Err(format!("its first certificate cannot be used: {error}")),
    }
}
