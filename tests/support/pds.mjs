// A Bluesky PDS and a PLC directory in memory, both on 127.0.0.1. Ports from the environment.
import net from 'node:net'
import { createRequire } from 'node:module'

// Both servers listen on every interface and have no setting for the address.
const listen = net.Server.prototype.listen
net.Server.prototype.listen = function (...args) {
  if (args[0] && typeof args[0] === 'object' && 'port' in args[0]) {
    args[0] = { ...args[0], host: '127.0.0.1' }
  } else if (typeof args[0] === 'number' && typeof args[1] !== 'string') {
    args.splice(1, 0, '127.0.0.1')
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
