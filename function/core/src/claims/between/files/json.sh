# shellcheck shell=sh disable=SC2154 # http.sh stands before it
# Reading an answer that is more than a few fields: where each of its texts stands.

# Signs that no text in JSON has, in the place of what is written with a backslash.
backslash=$(printf '\001')
quote=$(printf '\002')

# Every text in the JSON $answer, one a line: its path with dots, a tab, the text as JSON has it.
texts() {
  printf '%s' "$answer" | tr -d '\r\n' | sed -e "s/\\\\\\\\/$backslash/g" -e "s/\\\\\"/$quote/g" | awk -v RS='"' '
    # Between two texts: what opens, what closes, and whether a name or a value is next.
    NR % 2 {
      for (at = 1; at <= length($0); at++) {
        sign = substr($0, at, 1)
        if (sign == "{" || sign == "[") {
          is_list[++depth] = sign == "["
          key[depth] = is_list[depth] ? 0 : ""
        } else if (sign == "}" || sign == "]") {
          depth--
        } else if (sign == "," && is_list[depth]) {
          key[depth]++
        } else if (sign == ",") {
          key[depth] = ""
        }
      }
      next
    }
    !is_list[depth] && key[depth] == "" { key[depth] = $0; next }
    {
      path = key[1]
      for (level = 2; level <= depth; level++) path = path "." key[level]
      print path "\t" $0
    }' | sed -e "s/$quote/\\\\\"/g" -e "s/$backslash/\\\\\\\\/g"
}
