cat > collate <<'PROGRAM'
#!/bin/bash
# collate INPUT OUTPUT: one ledger, a count by day and a list of unusable lines from the exports of three depots.
set -euo pipefail
export LC_ALL=C
input=$1 output=$2
shopt -s nullglob
cd -- "$input"
files=(north-*.csv south-*.csv east-*.log)
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT

# One line for each record: kind, then what it holds, separated by the unit separator, which no export contains.
{ ((${#files[@]} == 0)) || awk '
function trim(text) { gsub(/^[ \t]+|[ \t]+$/, "", text); return text }
function squeeze(text) { text = trim(text); gsub(/[ \t]+/, " ", text); return text }
function quoted(text) {
    if (text !~ /[",]/) return text
    gsub(/"/, "\"\"", text)
    return "\"" text "\""
}
# Splits a line with quotes into cell[1..n].
function cells(line,    n, at, character, inside) {
    split("", cell); n = 1; inside = 0
    for (at = 1; at <= length(line); at++) {
        character = substr(line, at, 1)
        if (inside) {
            if (character != "\"") cell[n] = cell[n] character
            else if (substr(line, at + 1, 1) == "\"") { cell[n] = cell[n] "\""; at++ }
            else inside = 0
        }
        else if (character == "\"") { inside = 1; if (cell[n] ~ /^[ \t]+$/) cell[n] = "" }
        else if (character == ",") n++
        else cell[n] = cell[n] character
    }
    return n
}
function leap(year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }
function month_days(year, month) {
    if (month == 2) return leap(year) ? 29 : 28
    return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31
}
function days(year, month, day,    era, shifted, of_year, of_era) {
    if (month <= 2) year--
    era = int(year / 400); shifted = year - era * 400
    of_year = int((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1
    of_era = shifted * 365 + int(shifted / 4) - int(shifted / 100) + of_year
    return era * 146097 + of_era - 719468
}
function seconds(year, month, day, hour, minute, second) {
    if (month < 1 || month > 12 || day < 1 || day > month_days(year, month)) return "bad"
    if (hour > 23 || minute > 59 || second > 59) return "bad"
    return days(year, month, day) * 86400 + hour * 3600 + minute * 60 + second
}
function offset(text,    value) {
    if (text == "Z") return 0
    value = substr(text, 2, 2) * 3600 + substr(text, 5, 2) * 60
    return substr(text, 1, 1) == "-" ? -value : value
}
function north_time(text,    at) {
    if (text !~ /^[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9](Z|[+-][0-9][0-9]:[0-9][0-9])$/)
        return "bad"
    at = seconds(substr(text, 1, 4) + 0, substr(text, 6, 2) + 0, substr(text, 9, 2) + 0,
        substr(text, 12, 2) + 0, substr(text, 15, 2) + 0, substr(text, 18, 2) + 0)
    return at == "bad" ? at : at - offset(substr(text, 20))
}
function south_time(text,    at) {
    if (text !~ /^[0-9][0-9]\.[0-9][0-9]\.[0-9][0-9][0-9][0-9] [0-9][0-9]:[0-9][0-9]:[0-9][0-9]$/) return "bad"
    at = seconds(substr(text, 7, 4) + 0, substr(text, 4, 2) + 0, substr(text, 1, 2) + 0,
        substr(text, 12, 2) + 0, substr(text, 15, 2) + 0, substr(text, 18, 2) + 0)
    return at == "bad" ? at : at - local_offset
}
function utc(at,    day, rest, era, of_era, year_of_era, of_year, month, year) {
    day = int(at / 86400); if (day * 86400 > at) day--
    rest = at - day * 86400
    day += 719468; era = int(day / 146097); of_era = day - era * 146097
    year_of_era = int((of_era - int(of_era / 1460) + int(of_era / 36524) - int(of_era / 146096)) / 365)
    of_year = of_era - (365 * year_of_era + int(year_of_era / 4) - int(year_of_era / 100))
    month = int((5 * of_year + 2) / 153)
    day = of_year - int((153 * month + 2) / 5) + 1
    month += month < 10 ? 3 : -9
    year = year_of_era + era * 400 + (month <= 2)
    return sprintf("%04d-%02d-%02dT%02d:%02d:%02dZ", year, month, day, int(rest / 3600), int(rest % 3600 / 60), rest % 60)
}
function reject(reason) { print "reject" US FILENAME US FNR US reason }
function record(parcel, event, at, operator,    key) {
    parcel = toupper(trim(parcel)); event = tolower(trim(event))
    if (parcel !~ /^P-[0-9][0-9]?[0-9]?[0-9]?[0-9]?[0-9]?$/) { reject("parcel"); return }
    if (depot == "south") event = event ~ /^[ilor]$/ ? letter[event] : "?"
    if (event !~ /^(in|load|out|return)$/) { reject("event"); return }
    if (at == "bad") { reject("time"); return }
    parcel = sprintf("P-%06d", substr(parcel, 3))
    key = depot US parcel US event US at
    if (key in seen) return
    seen[key] = 1
    at = utc(at)
    print "scan" US at US parcel US event US depot US parcel "," event "," at "," depot "," quoted(squeeze(operator))
    print "day" US substr(at, 1, 10) US depot US event
}
BEGIN { US = "\037"; letter["i"] = "in"; letter["l"] = "load"; letter["o"] = "out"; letter["r"] = "return" }
FNR == 1 { depot = FILENAME; sub(/-.*/, "", depot); width = 0; local_offset = "" }
{ sub(/\r$/, "") }
FNR == 1 && depot == "north" { sub(/^\357\273\277/, "") }
/^[ \t]*$/ { next }
depot == "north" {
    n = cells($0)
    if (!width) { width = n; for (i = 1; i <= n; i++) column[trim(cell[i])] = i; next }
    if (n != width) { reject("columns"); next }
    record(cell[column["parcel"]], cell[column["event"]], north_time(trim(cell[column["scanned_at"]])), cell[column["operator"]])
    next
}
depot == "south" {
    if (local_offset == "") { local_offset = offset(substr($0, 14, 6)); next }
    if (!width) { width = 4; next }
    n = split($0, cell, ";")
    if (n != 4) { reject("columns"); next }
    record(cell[1], cell[2], south_time(trim(cell[3])), cell[4])
    next
}
{
    $0 = trim($0)
    n = split($0, cell, /[ \t]+/)
    if (n < 3) { reject("columns"); next }
    operator = $0
    for (i = 1; i <= 3; i++) sub(/^[^ \t]+[ \t]*/, "", operator)
    record(cell[3], cell[2], cell[1] ~ /^[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]$/ ? cell[1] + 0 : "bad", operator)
}
' "${files[@]}"; } > "$work/records"

cd -- "$OLDPWD"
separator=$'\037'
{
    echo parcel,event,scanned_at,depot,operator
    grep "^scan$separator" "$work/records" | sort -s -t "$separator" -k2,2 -k3,3 -k4,4 -k5,5 | cut -d "$separator" -f 6- || true
} > "$output/scans.csv"
{
    echo date,depot,in,load,out,return
    grep "^day$separator" "$work/records" | awk -F '\037' '
        { days[$2 "," $3] = 1; count[$2 "," $3, $4]++ }
        END { for (day in days) print day "," count[day, "in"] + 0 "," count[day, "load"] + 0 "," count[day, "out"] + 0 "," count[day, "return"] + 0 }
    ' | sort -t , -k1,1 -k2,2 || true
} > "$output/daily.csv"
{
    echo file,line,reason
    grep "^reject$separator" "$work/records" | cut -d "$separator" -f 2- | sort -t "$separator" -k1,1 -k2,2n | tr "$separator" , || true
} > "$output/rejects.csv"
PROGRAM
chmod +x collate
