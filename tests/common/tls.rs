//! Certificates, and TLS in front of a server that speaks none.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use tokio::net::TcpStream;
use tokio::sync::{Barrier, oneshot};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use super::sentry::KEY;

/// Signs certificates.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate with its private key, as PEM.
pub struct Certificate {
    pub certificate: String,
    pub key: String,
}

/// Takes TLS connections and passes on what they carry; stops when dropped.
pub struct TlsFront {
    address: SocketAddr,
    seen: Arc<Seen>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Seen {
    connections: AtomicUsize,
    http2_requests: AtomicUsize,
    open: AtomicUsize,
    most_open: AtomicUsize,
}

/// How to greet clients.
#[derive(Default)]
pub struct Greeting<'a> {
    /// Whose certificates clients have to show.
    pub clients: Option<&'a Authority>,
    /// Answers to HTTP/2: the first request at once, the others when so many of them are open.
    pub http2: Option<usize>,
}

impl Authority {
    /// One of its own name, as those of the world have.
    pub fn new() -> Self {
        static COUNTER: AtomicUsize = AtomicUsize::new(0);
        let mut params = CertificateParams::new([]).unwrap();
        let name = format!("authority {}", COUNTER.fetch_add(1, Ordering::Relaxed));
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub fn pem(&self) -> String {
        self.0.pem()
    }

    pub fn certify(&self, host: &str) -> Certificate {
        self.sign(CertificateParams::new([host.to_owned()]).unwrap())
    }

    /// A certificate that was valid long ago.
    pub fn certify_expired(&self, host: &str) -> Certificate {
        let mut params = CertificateParams::new([host.to_owned()]).unwrap();
        params.not_before = date_time_ymd(2001, 1, 1);
        params.not_after = date_time_ymd(2002, 1, 1);
        self.sign(params)
    }

    fn sign(&self, params: CertificateParams) -> Certificate {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Certificate { certificate: certificate.pem(), key: key.serialize_pem() }
    }
}

impl Certificate {
    pub fn self_signed(host: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([host.to_owned()]).unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    /// Both in one, as a client takes them.
    pub fn pem(&self) -> String {
        format!("{}{}", self.certificate, self.key)
    }

    fn server(&self, greeting: &Greeting<'_>) -> ServerConfig {
        let builder = ServerConfig::builder();
        let builder = match greeting.clients {
            None => builder.with_no_client_auth(),
            Some(authority) => {
                let mut roots = RootCertStore::empty();
                roots.add(authority.0.der().clone()).unwrap();
                let verifier = WebPkiClientVerifier::builder(roots.into()).build().unwrap();
                builder.with_client_cert_verifier(verifier)
            }
        };
        let certificate = CertificateDer::from_pem_slice(self.certificate.as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).unwrap();
        let mut config = builder.with_single_cert(vec![certificate], key).unwrap();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        if greeting.http2.is_some() {
            config.alpn_protocols.insert(0, b"h2".to_vec());
        }
        config
    }
}

impl TlsFront {
    /// TLS in front of the server of this DSN.
    pub fn start(dsn: &str, certificate: &Certificate) -> Self {
        Self::start_with(dsn, certificate, Greeting::default())
    }

    pub fn start_with(dsn: &str, certificate: &Certificate, greeting: Greeting<'_>) -> Self {
        let behind: SocketAddr = dsn.split(['@', '/']).nth(3).unwrap().parse().unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(certificate.server(&greeting)));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::<Seen>::default();
        let (stop, stopped) = oneshot::channel::<()>();
        let all_open = Arc::new(Barrier::new(greeting.http2.unwrap_or(1)));
        let shared = Arc::clone(&seen);
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                let accept = async {
                    while let Ok((stream, _)) = listener.accept().await {
                        shared.connections.fetch_add(1, Ordering::Relaxed);
                        let (acceptor, seen) = (acceptor.clone(), Arc::clone(&shared));
                        let all_open = Arc::clone(&all_open);
                        tokio::spawn(seen.talk(acceptor, stream, behind, all_open));
                    }
                };
                tokio::select! { () = accept => {}, _ = stopped => {} }
            });
        });
        Self { address, seen, stop: Some(stop), thread: Some(thread) }
    }

    pub fn dsn(&self) -> String {
        format!("https://{KEY}@{}/42", self.address)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::Relaxed)
    }

    pub fn http2_requests(&self) -> usize {
        self.seen.http2_requests.load(Ordering::Relaxed)
    }

    /// How many requests of HTTP/2 were open at the same time, at most.
    pub fn most_open(&self) -> usize {
        self.seen.most_open.load(Ordering::Relaxed)
    }
}

impl Drop for TlsFront {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Seen {
    async fn talk(
        self: Arc<Self>,
        acceptor: TlsAcceptor,
        stream: TcpStream,
        behind: SocketAddr,
        all_open: Arc<Barrier>,
    ) {
        // Clients that refuse the certificate go away here.
        let Ok(mut stream) = acceptor.accept(stream).await else { return };
        if stream.get_ref().1.alpn_protocol() != Some(b"h2") {
            let mut behind = TcpStream::connect(behind).await.unwrap();
            let _ = tokio::io::copy_bidirectional(&mut stream, &mut behind).await;
            return;
        }
        let mut connection = h2::server::handshake(stream).await.unwrap();
        while let Some(Ok((request, answer))) = connection.accept().await {
            let before = self.http2_requests.fetch_add(1, Ordering::Relaxed);
            let all_open = (before > 0).then(|| Arc::clone(&all_open));
            tokio::spawn(Arc::clone(&self).answer(request, answer, all_open));
        }
    }

    async fn answer(
        self: Arc<Self>,
        request: http::Request<h2::RecvStream>,
        mut answer: h2::server::SendResponse<bytes::Bytes>,
        all_open: Option<Arc<Barrier>>,
    ) {
        let open = self.open.fetch_add(1, Ordering::Relaxed) + 1;
        self.most_open.fetch_max(open, Ordering::Relaxed);
        let mut body = request.into_body();
        while let Some(Ok(chunk)) = body.data().await {
            let _ = body.flow_control().release_capacity(chunk.len());
        }
        if let Some(all_open) = all_open {
            all_open.wait().await;
        }
        self.open.fetch_sub(1, Ordering::Relaxed);
        let _ = answer.send_response(http::Response::new(()), true);
    }
}
