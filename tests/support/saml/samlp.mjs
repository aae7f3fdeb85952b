// A SAML identity provider on 127.0.0.1: npm's samlp (Auth0's), which signs by xml-crypto and so
// shares no code with what verifies here. The same pages as idp.py; whoever types a login is in.
import { createRequire } from 'node:module'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'

const require = createRequire(process.cwd() + '/')
const samlp = require('samlp')
const { PORT, KEY, CERTIFICATE, SIGN_RESPONSE } = process.env
const base = `http://localhost:${PORT}`
const key = readFileSync(KEY), cert = readFileSync(CERTIFICATE)
const body = cert.toString().split('\n').slice(1, -2).join('')

const metadata = `<?xml version="1.0"?>
<EntityDescriptor entityID="urn:samlp:${PORT}" xmlns="urn:oasis:names:tc:SAML:2.0:metadata">
<IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
<KeyDescriptor use="signing"><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data>
<X509Certificate>${body}</X509Certificate></X509Data></KeyInfo></KeyDescriptor>
<SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="${base}/sso"/>
</IDPSSODescriptor></EntityDescriptor>`

const text = (value) => String(value ?? '').replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`)
const hidden = (fields) => Object.entries(fields)
  .map(([name, value]) => `<input type="hidden" name="${name}" value="${text(value)}">`).join('')
const page = (fields) => `<!doctype html><html lang="en"><title>The provider</title><h1>Sign in</h1>
<form method="post" action="/login">${hidden(fields)}<label>Login <input name="login" autofocus></label>
<button>Sign in</button><button name="no" value="1">Cancel</button></form></html>`
const back = (target, fields) => `<!doctype html><html lang="en"><title>Go on</title>
<body onload="document.forms[0].submit()"><form method="post" action="${text(target)}">${hidden(fields)}
<noscript><button>Go on</button></noscript></form></body></html>`

function answer(given, say) {
  const query = { SAMLRequest: given.get('SAMLRequest'), RelayState: given.get('RelayState') }
  samlp.parseRequest({ method: 'GET', query }, {}, (fault, asked) => {
    if (fault) return say(400, String(fault))
    const target = asked.assertionConsumerServiceURL
    const options = {
      issuer: `urn:samlp:${PORT}`, cert, key, audience: asked.issuer, destination: target,
      recipient: target, inResponseTo: asked.id, lifetimeInSeconds: 300,
      signatureAlgorithm: 'rsa-sha256', digestAlgorithm: 'sha256', signResponse: Boolean(SIGN_RESPONSE),
      authnContextClassRef: 'urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport',
      nameIdentifierFormat: 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent',
    }
    const login = given.get('login')
    const name = login.charAt(0).toUpperCase() + login.slice(1)
    const user = {
      id: `of-${login}`, displayName: name, emails: [{ value: `${login}@people.example` }],
      name: { givenName: name, familyName: '' },
    }
    const send = (wrong, made) => wrong ? say(500, String(wrong)) : say(200, back(target, {
      SAMLResponse: Buffer.from(made).toString('base64'), RelayState: query.RelayState,
    }))
    if (!given.has('no')) return samlp.getSamlResponse(options, user, send)
    const status = 'urn:oasis:names:tc:SAML:2.0:status:Responder'
    return send(null, `<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="_no" Version="2.0"
 IssueInstant="${new Date().toISOString()}" Destination="${text(target)}" InResponseTo="${text(asked.id)}">
<samlp:Status><samlp:StatusCode Value="${status}"/></samlp:Status></samlp:Response>`)
  })
}

createServer((request, response) => {
  const say = (status, content, type = 'text/html') => {
    response.writeHead(status, { 'content-type': `${type}; charset=utf-8` })
    response.end(content)
  }
  const url = new URL(request.url, base)
  if (url.pathname === '/metadata') return say(200, metadata, 'text/xml')
  if (url.pathname === '/sso') {
    const fields = { SAMLRequest: url.searchParams.get('SAMLRequest'), RelayState: url.searchParams.get('RelayState') }
    return say(200, page(fields))
  }
  if (url.pathname !== '/login') return say(404, 'nothing here')
  let sent = ''
  request.on('data', (piece) => { sent += piece })
  request.on('end', () => answer(new URLSearchParams(sent), say))
}).listen(Number(PORT), '127.0.0.1', () => console.log('ready'))
process.on('SIGTERM', () => process.exit(0))
