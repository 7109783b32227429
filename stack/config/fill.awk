# Fills a template with environment variables, for containers, where passwords must not be arguments.
{
  while (match($0, /[$][{][A-Z_]+[}]/)) {
    name = substr($0, RSTART + 2, RLENGTH - 3)
    if (ENVIRON[name] == "") { print name " is not set" >"/dev/stderr"; exit 1 }
    $0 = substr($0, 1, RSTART - 1) ENVIRON[name] substr($0, RSTART + RLENGTH)
  }
  print
}
