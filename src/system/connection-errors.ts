const UNKNOWN_AUTHORITY =
  'presents a certificate of an unknown authority: if it is the right server, name its certificate file as tls_ca';
const WRONG_TIME =
  "presents a certificate that is not valid today: check this machine's clock, then the certificate";
export const CLIENT_CERTIFICATE = 'asks for a client certificate: set tls_cert and tls_key to its files';
const REFUSED_CERTIFICATE =
  'refuses the client certificate: check that tls_cert is valid today, and of an authority that the server trusts';
const NO_TLS =
  'does not speak TLS on that port, or only a version that is no longer safe: check port and protocol';

export const CONNECTION_RESET = 'closed the connection (connection reset)';

/** A code of Node's sockets, name look-ups or TLS in words, which follow the server's name. */
const TEXTS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'refuses connections: check that the server runs, and the port',
  ENOTFOUND: 'has no known address: check the host name',
  EAI_AGAIN: 'cannot be looked up now: no name server answers',
  EHOSTUNREACH: 'cannot be reached: check network and address',
  ENETUNREACH: 'cannot be reached: there is no network now',
  EADDRNOTAVAIL: 'cannot be reached: there is no network now',
  EHOSTDOWN: 'cannot be reached: it is offline',
  ETIMEDOUT: 'does not answer',
  ECONNRESET: CONNECTION_RESET,
  ECONNABORTED: CONNECTION_RESET,
  EPIPE: CONNECTION_RESET,
  SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN_AUTHORITY,
  DEPTH_ZERO_SELF_SIGNED_CERT: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_AUTHORITY,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN_AUTHORITY,
  CERT_HAS_EXPIRED: WRONG_TIME,
  CERT_NOT_YET_VALID: WRONG_TIME,
  ERR_TLS_CERT_ALTNAME_INVALID: 'presents a certificate for another name: use the name that is in it',
  ERR_SSL_WRONG_VERSION_NUMBER: NO_TLS,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: NO_TLS,
  ERR_SSL_UNSUPPORTED_PROTOCOL: NO_TLS,
  EPROTO: NO_TLS,
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: NO_TLS,
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE: NO_TLS,
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: CLIENT_CERTIFICATE,
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: REFUSED_CERTIFICATE,
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: REFUSED_CERTIFICATE,
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: REFUSED_CERTIFICATE,
  HPE_INVALID_CONSTANT: 'does not speak HTTP on that port: check port and protocol',
};

/** Whether the other side ended the TLS handshake for the lack of a client certificate, or for a wrong one. */
export const isCertificateRefused = (thrown: unknown): boolean =>
  thrown instanceof Error &&
  'code' in thrown &&
  /_ALERT_(.*CERTIFICATE|UNKNOWN_CA)/.test(`${String(thrown.code)}`);

/** Why a connection failed, as a sentence's end after the other side's name; undefined if it was not the network or TLS. */
export function connectionErrorText(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error) || !('code' in thrown)) return undefined;
  return typeof thrown.code === 'string' ? TEXTS[thrown.code] : undefined;
}
