// A Bluesky PDS and a PLC directory in memory, both on 127.0.0.1. Ports from the environment.
import net from 'node:net'
import { createRequire } from 'node:module'

// Both servers listen on every interface and have no setting for the address. And a server behind a
// proxy announces the proxy's port (PDS_PORT) but listens on another (PDS_LISTEN_PORT).
const { PDS_PORT, PDS_LISTEN_PORT } = process.env
const own = (port) => (PDS_LISTEN_PORT && String(port) === PDS_PORT ? Number(PDS_LISTEN_PORT) : port)
const listen = net.Server.prototype.listen
net.Server.prototype.listen = function (...args) {
  if (args[0] && typeof args[0] === 'object' && 'port' in args[0]) {
    args[0] = { ...args[0], port: own(args[0].port), host: '127.0.0.1' }
  } else if (typeof args[0] === 'number' && typeof args[1] !== 'string') {
    args.splice(0, 1, own(args[0]), '127.0.0.1')
  }
  return listen.apply(this, args)
}

const require = createRequire(process.cwd() + '/')
const { PlcServer, Database } = require('@did-plc/server')
const plc = PlcServer.create({ db: Database.mock(), port: Number(process.env.PLC_PORT) })
await plc.start()

const { PDS, readEnv, envToCfg, envToSecrets } = require('@atproto/pds')
const env = readEnv()
const pds = await PDS.create(envToCfg(env), envToSecrets(env))
await pds.start()
console.log('ready')

process.on('SIGTERM', async () => {
  await pds.destroy()
  await plc.destroy()
  process.exit(0)
})
