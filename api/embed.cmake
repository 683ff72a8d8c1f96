# cmake -DIN=openapi.yaml -DOUT=openapi_yaml.cc -P embed.cmake: a text file as a C++ function. Bytes, not a string
# literal, since compilers need not take literals of more than 64 KiB.
file(READ "${IN}" hex HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "'\\\\x\\1'," bytes "${hex}")
file(WRITE "${OUT}" "#include \"api/openapi.h\"
namespace facekeep::api {
namespace {
constexpr char kText[] = {${bytes}};
}
std::string_view openapi_yaml() { return {kText, sizeof kText}; }
}
")
