//! The shop's customers: four requests, one of which fails.

use std::net::SocketAddr;
use std::time::Duration;

use reqwest::{Client, Method};

use crate::Result;

const REQUESTS: [(Method, &str, &str, u16); 4] = [
    (Method::GET, "/products", "", 200),
    (Method::GET, "/products/7", "", 200),
    (Method::POST, "/orders", r#"{"product": 7, "quantity": 500}"#, 500),
    (Method::GET, "/products/999", "", 404),
];

/// The transactions of the failing request, one in each service.
pub const FAILING: [&str; 2] = ["POST /orders", "POST /reservations"];

pub async fn send(storefront: SocketAddr) -> Result<()> {
    let client = Client::builder().no_proxy().timeout(Duration::from_secs(5)).build()?;
    for (method, path, body, expected) in REQUESTS {
        let url = format!("http://{storefront}{path}");
        let request = client.request(method.clone(), url).body(body);
        let status = request.send().await?.status();
        println!("{:<5} {path:<14} {status}", method.as_str());
        if status.as_u16() != expected {
            return Err(format!("{path} should answer {expected}").into());
        }
    }
    Ok(())
}
