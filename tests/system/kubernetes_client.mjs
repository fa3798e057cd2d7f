// Works in a sandbox through Kubernetes' own client, and prints what came as JSON.
// usage: node kubernetes_client.mjs MODULES URL KEY PATH INPUT
import { PassThrough, Readable } from 'node:stream'

const [modules, server, token, path, input] = process.argv.slice(2)
const client = `${modules}/@kubernetes/client-node/dist`
const { KubeConfig } = await import(`${client}/config.js`)
const { WebSocketHandler } = await import(`${client}/web-socket-handler.js`)

const config = new KubeConfig()
config.loadFromOptions({
    clusters: [{ name: 'c', server, skipTLSVerify: server.startsWith('http:') }],
    users: [{ name: 'u', token }],
    contexts: [{ name: 'x', cluster: 'c', user: 'u' }],
    currentContext: 'x'
})

const out = { 1: '', 2: '' }
const streams = { 1: new PassThrough(), 2: new PassThrough() }
for (const n of [1, 2]) streams[n].on('data', (bytes) => { out[n] += bytes })

let status = null
const handler = new WebSocketHandler(config)
const socket = await handler.connect(path, null, (channel, bytes) => {
    const end = WebSocketHandler.handleStandardStreams(channel, bytes, streams[1], streams[2])
    if (end) status = end
    return true
})
const closed = new Promise((resolve) => { socket.onclose = (event) => resolve(event.code) })
WebSocketHandler.handleStandardInput(socket, Readable.from([Buffer.from(input)]), 0)
console.log(JSON.stringify({ protocol: socket.protocol, code: await closed, stdout: out[1], stderr: out[2], status }))
