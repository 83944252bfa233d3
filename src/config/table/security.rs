//! TLS and who may do what: settings of the broker.

use super::why::SECURITY;
use crate::config::setting::{Kind, Rule, Setting};

/// By name.
#[rustfmt::skip] // a table: one row a line
pub(super) const ROWS: &[Setting] = &[
    Setting::new("authorizer.class.name", Kind::String, Some(""), Rule::Any, "Class that decides who may do what. Must be empty until kq has ACLs."),
    Setting::new("connection.failed.authentication.delay.ms", Kind::Int, Some("100"), Rule::AtLeast(0), "A failed login is answered after this.").accepted(SECURITY),
    Setting::new("connections.max.reauth.ms", Kind::Long, Some("0"), Rule::Any, "A client must log in again after this.").accepted(SECURITY),
    Setting::new("delegation.token.expiry.check.interval.ms", Kind::Long, Some("3600000"), Rule::AtLeast(1), "How often expired tokens are removed.").accepted(SECURITY),
    Setting::new("delegation.token.expiry.time.ms", Kind::Long, Some("86400000"), Rule::AtLeast(1), "A token must be renewed within this.").accepted(SECURITY),
    Setting::new("delegation.token.max.lifetime.ms", Kind::Long, Some("604800000"), Rule::AtLeast(1), "A token cannot be renewed beyond this.").accepted(SECURITY),
    Setting::new("delegation.token.secret.key", Kind::Password, None, Rule::Any, "Key that signs tokens.").accepted(SECURITY),
    Setting::new("principal.builder.class", Kind::Class, Some("org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder"), Rule::Any, "Class that turns a login into a user.").per_broker().accepted(SECURITY),
    Setting::new("security.inter.broker.protocol", Kind::String, Some("PLAINTEXT"), Rule::OneOf(&["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]), "What brokers speak among each other.").accepted(SECURITY),
    Setting::new("security.providers", Kind::String, None, Rule::Any, "Java security providers to add.").accepted(SECURITY),
    Setting::new("ssl.allow.dn.changes", Kind::Boolean, Some("false"), Rule::Any, "A new certificate may have another distinguished name.").accepted(SECURITY),
    Setting::new("ssl.allow.san.changes", Kind::Boolean, Some("false"), Rule::Any, "A new certificate may have other alternative names.").accepted(SECURITY),
    Setting::new("ssl.cipher.suites", Kind::List, Some(""), Rule::Any, "Cipher suites that are on.").per_broker().accepted(SECURITY),
    Setting::new("ssl.client.auth", Kind::String, Some("none"), Rule::OneOf(&["required", "requested", "none"]), "Whether clients must show a certificate.").per_broker().accepted(SECURITY),
    Setting::new("ssl.enabled.protocols", Kind::List, Some("TLSv1.2,TLSv1.3"), Rule::Any, "TLS versions that are on.").per_broker().accepted(SECURITY),
    Setting::new("ssl.endpoint.identification.algorithm", Kind::String, Some("https"), Rule::Any, "How the server's name is checked.").per_broker().accepted(SECURITY),
    Setting::new("ssl.engine.factory.class", Kind::Class, None, Rule::Any, "Class that makes TLS engines.").per_broker().accepted(SECURITY),
    Setting::new("ssl.key.password", Kind::Password, None, Rule::Any, "Password of the private key.").per_broker().accepted(SECURITY),
    Setting::new("ssl.keymanager.algorithm", Kind::String, Some("SunX509"), Rule::Any, "Algorithm of the key manager.").per_broker().accepted(SECURITY),
    Setting::new("ssl.keystore.certificate.chain", Kind::Password, None, Rule::Any, "Certificate chain, as text.").per_broker().accepted(SECURITY),
    Setting::new("ssl.keystore.key", Kind::Password, None, Rule::Any, "Private key, as text.").per_broker().accepted(SECURITY),
    Setting::new("ssl.keystore.location", Kind::String, None, Rule::Any, "File with key and certificate.").per_broker().accepted(SECURITY),
    Setting::new("ssl.keystore.password", Kind::Password, None, Rule::Any, "Password of that file.").per_broker().accepted(SECURITY),
    Setting::new("ssl.keystore.type", Kind::String, Some("JKS"), Rule::Any, "Format of that file.").per_broker().accepted(SECURITY),
    Setting::new("ssl.principal.mapping.rules", Kind::String, Some("DEFAULT"), Rule::Any, "Rules that turn a certificate's name into a user.").accepted(SECURITY),
    Setting::new("ssl.protocol", Kind::String, Some("TLSv1.3"), Rule::Any, "TLS version to prefer.").per_broker().accepted(SECURITY),
    Setting::new("ssl.provider", Kind::String, None, Rule::Any, "Java provider of TLS.").per_broker().accepted(SECURITY),
    Setting::new("ssl.secure.random.implementation", Kind::String, None, Rule::Any, "Source of random numbers.").per_broker().accepted(SECURITY),
    Setting::new("ssl.trustmanager.algorithm", Kind::String, Some("PKIX"), Rule::Any, "Algorithm of the trust manager.").per_broker().accepted(SECURITY),
    Setting::new("ssl.truststore.certificates", Kind::Password, None, Rule::Any, "Trusted certificates, as text.").per_broker().accepted(SECURITY),
    Setting::new("ssl.truststore.location", Kind::String, None, Rule::Any, "File with trusted certificates.").per_broker().accepted(SECURITY),
    Setting::new("ssl.truststore.password", Kind::Password, None, Rule::Any, "Password of that file.").per_broker().accepted(SECURITY),
    Setting::new("ssl.truststore.type", Kind::String, Some("JKS"), Rule::Any, "Format of that file.").per_broker().accepted(SECURITY),
];
