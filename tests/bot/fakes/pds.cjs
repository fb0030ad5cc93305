// Bluesky's own personal data server with an in-memory PLC directory: node pds.cjs NODE_MODULES FOLDER PORT PLC_PORT
const [modules, folder, port, plcPort] = process.argv.slice(2);
const load = (name) => require(require.resolve(name, { paths: [modules] }));
const { PDS, envToCfg, envToSecrets } = load("@atproto/pds");
const { Database, PlcServer } = load("@did-plc/server");
const secret = () => require("node:crypto").randomBytes(32).toString("hex");

async function main() {
  await PlcServer.create({ db: Database.mock(), port: Number(plcPort) }).start();
  const environment = {
    devMode: true, port: Number(port), hostname: "localhost", serviceDid: "did:web:localhost",
    dataDirectory: `${folder}/data`, blobstoreDiskLocation: `${folder}/blobs`, serviceHandleDomains: [".test"],
    didPlcUrl: `http://localhost:${plcPort}`, inviteRequired: false, jwtSecret: secret(), adminPassword: secret(),
    plcRotationKeyK256PrivateKeyHex: secret(),
  };
  const server = await PDS.create(envToCfg(environment), envToSecrets(environment));
  await server.start();
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
