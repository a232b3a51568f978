#ifndef SIZES_H
#define SIZES_H

/* Remarks are cut after so many characters. */
#define REMARK_SIZE 24

/* Stations have numbers from 0 to this, less one. */
#define STATIONS 64

#endif
