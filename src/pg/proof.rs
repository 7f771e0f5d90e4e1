//! Whether a client's SCRAM proof is right, found out in a time that says nothing about it.
//!
//! pgwire compares proofs as texts, up to the first byte that differs. It is therefore asked only
//! about proofs that have been found right here.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::{digest, hmac};

/// Bytes of a proof, a key and a signature.
const HASH_BYTES: usize = 32;

/// Whether the proof that ends `client_final` is made with the password, as RFC 5802 has it; none
/// where there is no proof.
///
/// With the proof and its own key the client's signature of the exchange can be made out, and
/// signatures are what ring verifies in constant time.
pub(super) fn is_right(
    salted_password: &[u8],
    client_first: &[u8],
    server_first: &[u8],
    client_final: &[u8],
) -> Option<bool> {
    // Behind what it says of binding and of whom it acts for.
    let client_first = client_first.splitn(3, |byte| *byte == b',').nth(2)?;
    let end = client_final.windows(3).rposition(|bytes| bytes == b",p=")?;
    let (signed, proof) = (client_final.get(..end)?, client_final.get(end + 3..)?);
    let salted_password = hmac::Key::new(hmac::HMAC_SHA256, salted_password);
    let client_key = hmac::sign(&salted_password, b"Client Key");
    let stored_key = digest::digest(&digest::SHA256, client_key.as_ref());
    let stored_key = hmac::Key::new(hmac::HMAC_SHA256, stored_key.as_ref());
    let proof = STANDARD.decode(proof).unwrap_or_default();
    // What is no proof is no signature either, and is refused as one that is wrong.
    let whole = proof.iter().zip(client_key.as_ref()).filter(|_| proof.len() == HASH_BYTES);
    let signature: Vec<u8> = whole.map(|(proof, key)| proof ^ key).collect();
    let exchange = [client_first, server_first, signed].join(&b',');
    Some(hmac::verify(&stored_key, &exchange, &signature).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::keyring::ScramVerifier;

    const CLIENT_FIRST: &str = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
    const SALT: &str = "W22ZaJ0SNY7soEsUEjb6gQ==";
    const SERVER_FIRST: &str = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                                s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
    const SIGNED: &str = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
    const PROOF: &str = "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";

    fn checked(password: &str, client_final: &str) -> Option<bool> {
        let salt = STANDARD.decode(SALT).unwrap().try_into().unwrap();
        let verifier = ScramVerifier::derive(password, salt);
        let (first, challenge) = (CLIENT_FIRST.as_bytes(), SERVER_FIRST.as_bytes());
        is_right(&verifier.salted_password, first, challenge, client_final.as_bytes())
    }

    /// The exchange that RFC 7677 shows.
    #[test]
    fn the_example_of_the_standard_is_right_and_what_differs_from_it_is_not() {
        let told = format!("{SIGNED},p={PROOF}");
        assert_eq!(checked("pencil", &told), Some(true));
        assert_eq!(checked("pencils", &told), Some(false));
        assert_eq!(checked("pencil", &told.replace("c=biws", "c=eSws")), Some(false));
        for end in ["", "A", "!", &STANDARD.encode([0; 33]), &PROOF[4..], &PROOF.replace('d', "e")]
        {
            assert_eq!(checked("pencil", &format!("{SIGNED},p={end}")), Some(false), "{end}");
        }
        assert_eq!(checked("pencil", SIGNED), None);
    }
}
