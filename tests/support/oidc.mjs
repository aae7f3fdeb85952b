// An OpenID Connect provider on 127.0.0.1, with a page to sign in as anybody and one to consent.
// What the login is decides who comes in: its subject, its address, and whether that is verified.
import { createRequire } from 'node:module'
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { pathToFileURL } from 'node:url'

const require = createRequire(process.cwd() + '/')
const { Provider } = await import(pathToFileURL(require.resolve('oidc-provider')))
const { PORT, CLIENT_ID, CLIENT_SECRET, REDIRECT_URIS, SLOW } = process.env
// Milliseconds that a path is answered late by.
const slow = JSON.parse(SLOW || '{}')
// Of each start: whoever knows keys of the one before meets others, under other names.
const era = randomBytes(4).toString('hex')

const key = (type, options, more) => ({
  ...generateKeyPairSync(type, options).privateKey.export({ format: 'jwk' }), use: 'sig', ...more,
})

const provider = new Provider(`http://127.0.0.1:${PORT}`, {
  clients: [{
    client_id: CLIENT_ID,
    client_secret: CLIENT_SECRET,
    redirect_uris: JSON.parse(REDIRECT_URIS),
    grant_types: ['authorization_code'],
    response_types: ['code'],
  }],
  pkce: { required: () => true },
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
  cookies: { keys: [randomBytes(32).toString('hex')] },
  jwks: {
    keys: [
      key('rsa', { modulusLength: 2048 }, { alg: 'RS256', kid: `rsa-${era}` }),
      key('ec', { namedCurve: 'P-256' }, { alg: 'ES256', kid: `ec-${era}` }),
    ],
  },
  findAccount: (context, id) => ({
    accountId: id,
    claims: () => ({
      sub: id,
      email: id.includes('@') ? id : `${id}@example.org`,
      email_verified: !id.startsWith('unverified'),
      name: `${id.split('@')[0]} of elsewhere`,
    }),
  }),
  ttl: { AccessToken: 600, AuthorizationCode: 60, IdToken: 600, Interaction: 600, Session: 600, Grant: 600 },
})
provider.use(async (context, next) => {
  if (slow[context.path]) await new Promise((then) => setTimeout(then, slow[context.path]))
  return next()
})
provider.on('server_error', (context, error) => console.error(error))
provider.listen(Number(PORT), '127.0.0.1', () => console.log('ready'))
process.on('SIGTERM', () => process.exit(0))
