"""For each rule: trees that it must find fault with, and trees that it must leave alone."""

from code_rules import SNAPSHOT

_TOP = "// What this is.\n#pragma once\n"
_ACCESS = "class PlainTemplateAccess {\n  friend class Gallery;\n};\n"


def _cc(text, path="vault/match/a.cc"):
    return {path: text}


_PAGE = """# Rest
**When.** Now.
**Who, and where.** All.
**On the table.** Tea.
## Steps
1. ☐ `sleep 1`
## Each looks
- ☐ x
## Half-way
| a |
**The log shows** x.
**Destroyed** ____
"""


def _pages(english, chinese, linked=("rest.md", "rest.zh.md")):
    links = "".join(f"(pages/{name})" for name in linked) + "\n"
    return {"deploy/pages/rest.md": english, "deploy/pages/rest.zh.md": chinese, "deploy/RUNBOOK.md": links, "deploy/RUNBOOK.zh.md": links}


SAMPLES = {
    "pages": (
        [{"deploy/pages/rest.md": _PAGE, "deploy/RUNBOOK.md": "(pages/rest.md)\n"}, _pages(_PAGE + 60 * "\n", _PAGE + 60 * "\n"),
         _pages(_PAGE + "x" * 117 + "\n", _PAGE), _pages(_PAGE, _PAGE + "页" * 59 + "\n"), _pages("# Rest\n", "# Rest\n"),
         _pages(_PAGE, _PAGE.replace("sleep 1", "sleep 2")), _pages(_PAGE, _PAGE.replace("- ☐", "-")), _pages(_PAGE, _PAGE, ("rest.md",))],
        [_pages(_PAGE, _PAGE.replace("Now", "现在")), {"deploy/other.md": "x" * 200 + "\n"}]),
    "includes": (
        [_cc('#include "api/route.h"\n'), _cc('#include "vault/log/note.h"\n', "vault/ledger/a.cc"),
         _cc('#include "vault/seal/aead.h"\n', "api/http/a.cc"), _cc('#include "arena.h"\n'),
         _cc("#include <p11-kit/pkcs11.h>\n"), _cc("#include <rocksdb/db.h>\n", "api/a.cc"),
         _cc('#include "hsm/token.h"\n', "tools/facekeep-audit/a.cc"), _cc('#include "tests/support/x.h"\n', "tools/x.cc")],
        [_cc('#include "vault/base/bytes.h"\n#include <vector>\n// #include "api/route.h"\n'),
         _cc('#include "vault/seal/custody.h"\n', "hsm/a.cc"), _cc('#include "hsm/token.h"\n', "tools/facekeepd/a.cc")]),
    "one-httplib": (
        [{"api/http/a.cc": "#include <httplib.h>\n", "api/b.cc": "#include <httplib.h>\n"}, {"api/a.cc": "int a;\n"}],
        [{"api/http/a.cc": "#include <httplib.h>\n", "api/b.cc": "// #include <httplib.h>\n"}]),
    "one-cryptoki": (
        [{"hsm/a.cc": "f_->C_Login(s);\n", "hsm/b.cc": "f_->C_Sign (s);\n"}, {"api/a.cc": "f.C_Login(s);\n"}],
        [{"hsm/a.cc": "f_->C_Login(s);\n", "hsm/b.cc": 'check("f->C_Sign(s)");  // f->C_Sign(s)\n'}]),
    "comparisons": (
        [_cc("if (memcmp(a, b, n) == 0) {}\n"), _cc("return strcmp (a, b);\n"), _cc("std::strncmp(a, b, 3);\n", "hsm/a.cc")],
        [_cc("return CRYPTO_memcmp(a, b, n);\n// memcmp(a, b)\n"), _cc("memcmp(a, b, 1);\n", "tests/unit/a.cc")]),
    "environment": (
        [_cc('auto p = getenv("FACEKEEP_PIN");\n'), _cc("std::getenv(name);\n", "tools/a.cc")],
        [_cc('auto l = std::getenv("LC_ALL");\n'), _cc('getenv("X");\n', "tests/unit/a.cc")]),
    "secret-strings": (
        [_cc("std::string pin;\n"), _cc("Status f(const std::string& share, int);\n"), _cc("std::string_view user_secret_{};\n"),
         _cc("char passphrase[64];\n"), _cc("void f(const char* pin);\n")],
        [_cc("SecretBytes pin;\nstd::string pin_file;\nstd::string opinion;\nstd::string share_label(int n);\n"),
         _cc('// std::string pin;\nf("std::string pin;");\n')]),
    "plain-access": (
        [{"vault/match/a.h": _TOP + _ACCESS}, {SNAPSHOT: "names it: vault/match/a.h\n"},
         {"vault/match/a.h": _TOP + _ACCESS, SNAPSHOT: "names it: vault/match/a.h\n"}],
        [{"vault/match/a.h": _TOP + _ACCESS, SNAPSHOT: "names it: vault/match/a.h\nmay make it: class Gallery\n"}]),
    "header-contract": (
        [{"vault/a.h": "#pragma once\n"}, {"vault/a.h": "// What this is.\nint a;\n"}],
        [{"vault/a.h": _TOP}]),
    "random-sources": (
        [_cc("int a = rand();\n"), _cc("std::random_device device;\n"), _cc("std::mt19937 twister(1);\n")],
        [_cc("fill_random(nonce);\nauto operand = operand_of(a);\n"), _cc("std::mt19937 r(1);\n", "tests/unit/a.cc")]),
    "top-level": (
        [{"notes.txt": "x\n"}, {"src/a.cc": "int a;\n"}],
        [{"README.md": "x\n", "vault/a.cc": "\n", ".ci/run": "\n", "CMakeLists.txt": "\n"}]),
    "file-length": (
        [_cc("int a;\n" * 501), {"tests/e2e/a": "#!/bin/sh\n" + ":\n" * 500}],
        [_cc("int a;\n" * 500), {"LICENSE": "x\n" * 600}]),
    "open-ends": (
        [_cc("// TODO: later\n"), {"deploy/x": "# FIXME\n"}],
        [_cc("// todos, and hackers\n")]),
    "build-paths": (
        [_cc('open("/home/jo/x");\n'), {"deploy/a": "cd /root/facekeep\n"}],
        [_cc('open("/var/lib/facekeep"); // the user\'s /home, ~/work/x, vault/root/a\n')]),
    "no-downloads": (
        [{"CMakeLists.txt": "include(FetchContent)\n"}, {"api/CMakeLists.txt": "file(DOWNLOAD x y)\n"}],
        [{"CMakeLists.txt": "find_package(OpenSSL 3.0 REQUIRED)\n"}]),
    "text-form": (
        [_cc("int a; \n"), _cc("int a;"), _cc("int a;\r\n")],
        [_cc("int a;\n"), {"tests/fuzz/seeds/json/a": "x \r"}]),
    "layout": (
        [_cc("int  a ;\n"), _cc("int f( ){return 1;}\n")],
        [_cc("int f() {\n  return 1;\n}\n")]),
    "shell": (
        [{"deploy/a": "#!/bin/sh\nrm $1\n"}, {"deploy/a": "#!/usr/bin/env bash\nif [ $? -eq 0 ]; then cd x; fi\n"}],
        [{"deploy/a": '#!/bin/sh\nrm -- "$1"\n', "deploy/b": "rm $1\n"}]),
    "clang-tidy": (
        [_cc("#include <string>\n#include <utility>\nvoid take(std::string s);\n"
             "void f(std::string s) {\n  take(std::move(s));\n  take(s);\n}\n")],
        [_cc("#include <string>\n#include <utility>\nvoid take(std::string s);\n"
             "void f(std::string s) {\n  take(std::move(s));\n}\n")]),
}
