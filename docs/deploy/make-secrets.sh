#!/usr/bin/env bash
# Makes ./secrets for compose.yaml: what can be made up is made up, what Twilio and Stripe give is
# asked for. What is there already is left alone. Run it as root beside compose.yaml.
set -euo pipefail
umask 077
mkdir -p secrets/mosquitto

made_up() { head -c 32 /dev/urandom | base64 | tr -d '/+=\n'; }
keep() { [[ -s secrets/$1 ]] || printf '%s' "$2" >"secrets/$1"; }
ask() {
  local value
  [[ ! -s secrets/$1 ]] || return 0
  read -r -s -p "$2: " value
  echo
  printf '%s' "$value" >"secrets/$1"
}

keep database_password "$(made_up)"
keep database_url "postgresql+psycopg://pilebot:$(<secrets/database_password)@db/pilebot"
keep redis_url "redis://redis:6379/0"
keep mqtt_url "mqtt://csms:$(made_up)@mosquitto:1883"
keep secret_key "$(made_up)"
keep nlu_token "$(made_up)"
ask twilio_auth_token "Twilio auth token"
ask stripe_secret_key "Stripe secret key (sk_...)"
ask stripe_webhook_secret "Stripe webhook signing secret (whsec_...)"

# Each file is mounted by itself into the containers, whose users are not this machine's: files
# may be read by all, the folder that leads to them by its owner only.
chmod 700 secrets
find secrets -maxdepth 1 -type f -exec chmod 644 {} +
chown -R 1883:1883 secrets/mosquitto # the mosquitto image's user
