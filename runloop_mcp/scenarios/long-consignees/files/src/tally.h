#ifndef TALLY_H
#define TALLY_H

struct entry {
    char number[12];
    char consignee[64];
    int weight;
};

struct consignee {
    char name[64];
    int total;
    int containers;
    char heaviest[12];
    int heaviest_weight;
};

/* Fills in an entry from a line; 0 if the line is good. */
int parse_line(char *line, struct entry *entry);

/* Takes an entry into account; 0 if its number was not seen before. */
int add(const struct entry *entry);

/* Prints the table. */
void report(void);

#endif
