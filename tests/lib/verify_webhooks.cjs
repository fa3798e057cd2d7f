// Verifies webhooks with npm's standardwebhooks. usage: verify_webhooks.cjs NODE_MODULES SECRET <[{headers, body}, …]
const path = require("path");
const { Webhook } = require(path.join(process.argv[2], "standardwebhooks"));

const webhook = new Webhook(process.argv[3]);
const said = JSON.parse(require("fs").readFileSync(0, "utf8")).map(({ headers, body }) => {
  try {
    webhook.verify(body, headers);
    return "ok";
  } catch (e) {
    return e.message;
  }
});
process.stdout.write(JSON.stringify(said));
