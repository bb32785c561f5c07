// What nginx itself cannot tell: names of headers in the order sent, and a hash in the place of the credential.
// biome-ignore lint/style/useNodejsImportProtocol: njs knows no node: names
import crypto from 'crypto';

const SALT = '@SALT@';

function names(r) {
  return r.rawHeadersIn.map((header) => header[0].toLowerCase()).join(' ');
}

function subject(r) {
  const credential = r.headersIn.Authorization || r.headersIn['X-Api-Key'];
  return credential
    ? crypto
        .createHash('sha256')
        .update(SALT + credential)
        .digest('hex')
        .slice(0, 16)
    : '';
}

// biome-ignore lint/style/noDefaultExport: njs imports the default export only
export default { names, subject };
